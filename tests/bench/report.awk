# awk -v machine=TEXT -v json=FILE -f report.awk NAMES FIGURES
#
# FIGURES has the lines that the programs printed in all rounds (bench.h). Prints a table of medians, writes the JSON,
# and fails when a name of the file NAMES is missing.

FNR == NR { if ($1 != "" && $1 !~ /^#/) needed[$1] = 1; next }

{
    if (!($1 in count)) order[++names] = $1
    values[$1, ++count[$1]] = $2 + 0
    unit[$1] = $3
    yardstick[$1] = $4
}

function sort(name,    i, j, held) {
    for (i = 2; i <= count[name]; i++) {
        held = values[name, i]
        for (j = i - 1; j >= 1 && values[name, j] > held; j--) values[name, j + 1] = values[name, j]
        values[name, j + 1] = held
    }
}

function median(name,    half) {
    half = int(count[name] / 2)
    if (count[name] % 2 == 1) return values[name, half + 1]
    return (values[name, half] + values[name, half + 1]) / 2
}

# What a figure is divided by: the median of "name", or so many times that ("2*name"); 0: unknown.
function size_of(stick,    times, name) {
    times = (stick ~ /[*]/) ? stick + 0 : 1
    name = stick
    sub(/^.*[*]/, "", name)
    return (name in count) ? times * median(name) : 0
}

function quoted(text) {
    gsub(/[\\"]/, "", text)
    return "\"" text "\""
}

END {
    for (i = 1; i <= names; i++) sort(order[i])
    printf "%-43s %12s %-4s %7s  %-33s %s\n", "", "median", "", "ratio", "to", "lowest to highest"
    printf "[" > json
    for (i = 1; i <= names; i++) {
        name = order[i]
        value = median(name)
        stick = yardstick[name]
        by = stick == "-" ? 0 : size_of(stick)
        ratio = (by > 0) ? sprintf("%.3g", value / by) : ""
        if (by == 0) stick = "-"
        printf("%-43s %12.6g %-4s %7s  %-33s %.4g to %.4g\n", name, value, unit[name], ratio,
            (stick == "-") ? "" : stick, values[name, 1], values[name, count[name]])
        printf("%s\n  {\"name\": %s, \"value\": %.6g, \"unit\": %s, \"yardstick\": %s, \"ratio\": %s, \"machine\": %s}",
            (i > 1) ? "," : "", quoted(name), value, quoted(unit[name]), (stick == "-") ? "null" : quoted(stick),
            (ratio == "") ? "null" : ratio, quoted(machine)) > json
    }
    printf "\n]\n" > json
    for (name in needed)
        if (!(name in count)) {
            print "report.awk: there is no figure " name > "/dev/stderr"
            failed = 1
        }
    exit failed
}
