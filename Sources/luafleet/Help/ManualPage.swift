// `luafleet help --man`: the manual page luafleet(1), made of what the parser knows, so that no option is ever missing.
import ArgumentParser
import LuaFleet

/// Text for man(7): `luafleet help --man > ~/.local/share/man/man1/luafleet.1`.
struct ManualPage {
    private var lines: [String] = []

    /// `description`: the parser's own (ArgumentParserToolInfo, JSON).
    static func text(_ description: String = LuaFleetCommand._dumpHelp()) -> String {
        var page = ManualPage()
        // The parser's text is its own and well formed: else the page has its frame and no options.
        let root = (try? LuaJSON.value(description))?.table?["command"].table ?? LuaTable()
        page.lines += [
            ".TH LUAFLEET 1 \"\" \"luafleet \(luaFleetVersion)\" \"User Commands\"", ".SH NAME",
            "luafleet \\- \(escaped(lowercasedFirst(root["abstract"].string ?? "")))", ".SH SYNOPSIS",
        ]
        let commands = (root["subcommands"].array ?? []).compactMap(\.table)
        let usage = RunCommand.configuration.usage ?? ""
        for line in usage.split(separator: "\n") { page.paragraph(of: String(line)) }
        for command in commands where command["commandName"].string != RunCommand.name {
            page.paragraph(of: "luafleet \(command["commandName"].string ?? "") [options]")
        }
        page.lines.append(".SH DESCRIPTION")
        page.discussion(root["discussion"].string ?? "")
        for command in commands where command["commandName"].string != "help" { page.section(command) }
        page.lines += [
            ".SH ENVIRONMENT", ".TP", "LUAFLEET_WORKER",
            "The worker's executable, where it is not beside luafleet or on PATH.",
            ".TP", "NO_COLOR", "Set: no colours on a terminal either.", ".SH SEE ALSO",
            "lua5.4(1), parallel(1), xargs(1)",
        ]
        return page.lines.joined(separator: "\n")
    }

    private mutating func section(_ command: LuaTable) {
        lines.append(".SH LUAFLEET \(Self.escaped((command["commandName"].string ?? "").uppercased()))")
        lines.append(Self.escaped(command["abstract"].string ?? ""))
        discussion(command["discussion"].string ?? "")
        var title = ""
        for argument in (command["arguments"].array ?? []).compactMap(\.table)
        where argument["shouldDisplay"].bool != false {
            let section = argument["sectionTitle"].string ?? ""
            if section != title, !section.isEmpty { lines.append(".SS \(Self.escaped(section))") }
            title = section
            lines += [".TP", Self.names(argument), Self.escaped(argument["abstract"].string ?? "")]
        }
    }

    /// "\-j, \-\-jobs <n>", in bold.
    private static func names(_ argument: LuaTable) -> String {
        let value = argument["kind"].string == "flag" ? "" : " <\(argument["valueName"].string ?? "")>"
        let names = (argument["names"].array ?? []).compactMap(\.table).map { name in
            (name["kind"].string == "long" ? "--" : "-") + (name["name"].string ?? "")
        }
        return
            ".B \(escaped((names.isEmpty ? value.dropFirst() : names.joined(separator: ", ") + value[...]).description))"
    }

    /// Lines that are indented stand as they are: they are examples.
    private mutating func discussion(_ text: String) {
        var isExample = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix(" ") != isExample, !line.isEmpty {
                isExample.toggle()
                lines.append(isExample ? ".nf" : ".fi")
            }
            lines.append(line.isEmpty ? ".PP" : Self.escaped(String(line)))
        }
        if isExample { lines.append(".fi") }
    }

    private mutating func paragraph(of line: String) {
        lines += [Self.escaped(line), ".br"]
    }

    private static func lowercasedFirst(_ text: String) -> String {
        text.prefix(1).lowercased() + (text.hasSuffix(".") ? text.dropFirst().dropLast() : text.dropFirst())
    }

    /// Backslashes, hyphens that are to be copied, and the dot that would begin a request (groff_char(7), roff(7)).
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case "\n": result += " "
            default: result.append(character)
            }
        }
        return result.hasPrefix(".") || result.hasPrefix("'") ? "\\&" + result : result
    }
}
