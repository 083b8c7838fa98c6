#!/usr/bin/env bash
exec "$(dirname "$0")/../run.sh" 02_deepseek_v3 "$@"
