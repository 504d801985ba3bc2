# How many lines of a target's files were reached, of each hundred: from what llvm-cov exports as lcov.
#   awk -v about="FILE[:FUNCTION]..." -v beyond=fuzz/beyond-bytes [-v missed=1] -f fuzz/lines.awk EXPORT
# FILE is the end of a path; with FUNCTION only the functions of it whose names contain that. missed: says which lines
# were not reached, too.
# Left out, where they were not reached: what does nothing but hand on the errno of a call that has just failed
# (`return failure();`), and the lines and functions that the file of `beyond` names, each with what ends the block.
function text_of(path, number,   i, text) {
  if (!(path in read)) {
    read[path] = 1
    for (i = 1; (getline text < path) > 0; ++i) source[path, i] = text
    close(path)
  }
  return source[path, number]
}
function trimmed(text) {
  gsub(/^[ ]+|[ ]+$/, "", text)
  return text
}
# The innermost function that has begun by then.
function function_at(line,   j, last) {
  last = 0
  for (j = 1; j <= starts; ++j) if (start[j] <= line && (!last || start[j] >= start[last])) last = j
  return last ? name[last] : ""
}
function left_out(line,   text, i, at) {
  text = trimmed(text_of(path, line))
  at = function_at(line)
  if (text ~ /^return (os::)?failure\(\);$/) return 1
  for (i = 1; i <= exceptions; ++i) {
    if (!ends_with(path, "/" except_file[i])) continue
    if (except_text[i] ~ /^[A-Za-z_:]+\(\)$/ ? index(at, word_of(except_text[i])) : text == except_text[i]) return 1
  }
  return text ~ /^\}( else \{)?$/ && line == left_before + 1
}
# A name as compilers write it: Session::run() is 7Session3run.
function word_of(text,   parts, i, n, word) {
  sub(/\(\)$/, "", text)
  n = split(text, parts, "::")
  for (i = 1; i <= n; ++i) word = word length(parts[i]) parts[i]
  return word
}
function ends_with(text, end) { return substr(text, length(text) - length(end) + 1) == end }
BEGIN {
  count = split(about, entries, " ")
  for (i = 1; i <= count; ++i) {
    split(entries[i], parts, ":")
    file[i] = parts[1]
    only[i] = parts[2]
  }
  while ((getline text < beyond) > 0) {
    if (text ~ /^#/ || text == "") continue
    split(text, parts, / \| /)
    except_file[++exceptions] = parts[1]
    except_text[exceptions] = trimmed(parts[2])
  }
}
/^SF:/ {
  path = substr($0, 4)
  delete wanted
  chosen = starts = left_before = 0
  for (i = 1; i <= count; ++i) {
    if (!ends_with(path, "/" file[i])) continue
    chosen = found[i] = 1
    wanted[i]
  }
}
/^FN:/ && chosen {
  split(substr($0, 4), parts, ",")
  start[++starts] = parts[1] + 0
  name[starts] = parts[2]
}
/^DA:/ && chosen {
  split(substr($0, 4), parts, ",")
  line = parts[1] + 0
  meant = 0
  for (i in wanted) if (only[i] == "" || index(function_at(line), only[i])) meant = 1
  if (!meant) next
  if (parts[2] + 0 > 0) {
    ++reached
  } else if (left_out(line)) {
    left_before = line
    next
  } else if (missed) {
    print path ":" line ": " text_of(path, line)
  }
  ++all
}
END {
  for (i = 1; i <= count; ++i) if (!found[i]) { print "no lines of " file[i] > "/dev/stderr"; all = 0 }
  printf "%.3f\n", all ? reached * 100 / all : 0
}
