// Stands before MLIR's own header of this name when g++ compiles against a libMLIR that clang compiled (Debian's and
// LLVM's own are).
//
// MLIR knows an operation's traits by the spelling of Trait<Empty>, where Empty is a class of a function, and takes the
// spelling from __PRETTY_FUNCTION__. clang writes the class as "Empty", g++ as
// "mlir::TypeID::get<mlir::OpTrait::SymbolTable>()::Empty": a library of the one and a program of the other do not find
// each other's traits, and builtin.module is no symbol table. Here g++ registers the traits under clang's spelling.
#pragma once

#include_next "mlir/Support/TypeID.h"

#include <string>
#include <string_view>

namespace faro::gcc {

template <typename T> constexpr std::string_view spelling() { return __PRETTY_FUNCTION__; }

/// Whether E is the class of TypeID::get that stands for a trait's operation.
template <typename E> constexpr bool standsForOperation() {
  constexpr std::string_view name = spelling<E>();
  return name.find("T = mlir::TypeID::get<") != name.npos;
}

} // namespace faro::gcc

template <template <typename> class Trait, typename E>
class mlir::detail::TypeIDResolver<Trait<E>, std::enable_if_t<faro::gcc::standsForOperation<E>()>>
    : public mlir::detail::FallbackTypeIDResolver {
public:
  static mlir::TypeID resolveTypeID() {
    // The registry keeps the name's address.
    static const std::string name = clangName(llvm::getTypeName<Trait<E>>().str(), llvm::getTypeName<E>().str());
    static const mlir::TypeID id = registerImplicitTypeID(name);
    return id;
  }

private:
  static std::string clangName(std::string name, const std::string &empty) {
    const size_t at = name.rfind(empty);
    return at == name.npos ? name : name.replace(at, empty.size(), "Empty");
  }
};
