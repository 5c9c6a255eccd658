// Parses one JSON value of an input, and says in a line where it is malformed.
import LuaFleet

/// `text` may span several lines, of which the first is number `line` of `source`.
func parseJSON(_ text: Bytes, source: String, line: Int) throws(UsageError) -> LuaValue {
    do throws(LuaJSON.Malformed) {
        return try LuaJSON.value(text)
    } catch {
        let before = text.prefix(error.offset)
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        throw UsageError(
            "\(source): line \(line + error.line - 1), column \(before.count - lineStart + 1): malformed JSON: \(error.message)"
        )
    }
}

func isJSONSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
}
