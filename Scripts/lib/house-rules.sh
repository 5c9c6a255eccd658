# The rules of the house that a script can check. Sourced by Scripts/test.

# check_house_rules: every breach is a line on standard error; any breach fails.
check_house_rules() {
    local breaches=0 file first
    breach() {
        printf '%s\n' "$1" >&2
        breaches=$((breaches + 1))
    }

    # Nothing else at the top.
    for file in *; do
        case $file in
        Package.swift | Package.resolved | Sources | CLua | Scripts | Tests | README.md | LICENSE) ;;
        *) breach "$file: does not belong at the top of the repository" ;;
        esac
    done

    # The first line says the one thing a file owns.
    while IFS= read -r -d '' file; do
        IFS= read -r first <"$file" || true
        case $first in
        //* | '/*'* | --* | '#!'* | '# '* | '"""'*) ;;
        *) breach "$file:1: the first line says what the file owns, as a comment" ;;
        esac
    done < <(find Sources Tests CLua Scripts Package.swift -type f \
        \( -name '*.swift' -o -name '*.c' -o -name '*.h' -o -name '*.lua' -o -name '*.sh' -o -name '*.py' \) -print0)

    # Foundation costs 2 ms of every start.
    while IFS= read -r first; do
        breach "$first: no Foundation in Sources"
    done < <(grep -rnE '^[^/]*import +Foundation' Sources --include='*.swift' || true)

    for file in Scripts/luafleet Scripts/test Scripts/bench Scripts/bench-peers/run Scripts/chaos Scripts/lib/*.sh .ci/run; do
        bash -n "$file" || breach "$file: bash cannot read it"
        [[ $file == *.sh || -x $file ]] || breach "$file: not executable"
    done

    ((breaches == 0)) || fail "$breaches breaches of the house rules" 1
}
