#!/usr/bin/env bash
# Draws a terminal with the output of a command, as SVG.
# usage: NO_COLOR=1 ./quickstart 2>/dev/null | docs/terminal-svg.sh './quickstart' >docs/quickstart.svg
# Paths of the run's own directory are shortened; words of state get their colours.
set -euo pipefail
command=${1:?the command that is shown in the first line}
sed -E 's,/tmp/tmp\.[A-Za-z0-9]+/,/tmp/,g; s/[[:space:]]+$//' | awk -v command="$command" '
  function escaped(text) { gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text); return text }
  function coloured(text) {
    text = escaped(text)
    if (text ~ /^\[[0-9]\/[0-9]\]|^Done\./) return "<tspan class=\"h\">" text "</tspan>"
    if (text ~ /^ *NAMESPACE /) return "<tspan class=\"d\">" text "</tspan>"
    if (text ~ /^ *\$ /) return "<tspan class=\"c\">" text "</tspan>"
    gsub(/Non-Compliant|Failed|oops/, "<tspan class=\"r\">&</tspan>", text)
    if (text !~ /Non-Compliant/) gsub(/Compliant|Ready|Current/, "<tspan class=\"g\">&</tspan>", text)
    gsub(/Pending|Corrected|Progressing/, "<tspan class=\"y\">&</tspan>", text)
    return text
  }
  function line(text) { lines[++count] = text; if (length(text) > widest) widest = length(text) }
  BEGIN { line("$ " command) }
  { line(substr($0, 1, 118)) }
  END {
    width = int(widest * 8.43) + 40; height = count * 19 + 56
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\">\n", width, height, width
    print "<title>" escaped(command) " in a terminal</title>"
    print "<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d8dee9;white-space:pre}.h{fill:#fff;font-weight:bold}.d{fill:#8a93a5}.c{fill:#88c0d0}.g{fill:#a3be8c}.y{fill:#ebcb8b}.r{fill:#e07a84}</style>"
    printf "<rect width=\"%d\" height=\"%d\" rx=\"8\" fill=\"#20242c\"/>\n", width, height
    print "<circle cx=\"20\" cy=\"18\" r=\"6\" fill=\"#e07a84\"/><circle cx=\"40\" cy=\"18\" r=\"6\" fill=\"#ebcb8b\"/><circle cx=\"60\" cy=\"18\" r=\"6\" fill=\"#a3be8c\"/>"
    for (n = 1; n <= count; n++) if (lines[n] != "") printf "<text x=\"20\" y=\"%d\" xml:space=\"preserve\">%s</text>\n", n * 19 + 34, n == 1 ? "<tspan class=\"c\">" escaped(lines[n]) "</tspan>" : coloured(lines[n])
    print "</svg>"
  }'
