// A number as Lua's `print` writes it.
import Glibc

/// "%.14g" as Lua does it, with ".0" where it would look like an integer; inf, -inf, nan and -nan as printf(3) has them.
func luaText(_ number: Double) -> String {
    var buffer = [CChar](repeating: 0, count: 40)
    withVaList([number]) { _ = vsnprintf(&buffer, buffer.count, "%.14g", $0) }
    let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    let looksLikeInteger = text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
    return looksLikeInteger ? text + ".0" : text
}
