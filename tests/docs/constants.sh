# Sourced: the constants of the code, by the names that the manuals give them.

in_snake_case() { sed -E 's/([A-Z])/_\L\1/g; s/^_//' <<< "$1"; }
# "views_per_host 1000" for `constexpr uint32_t kViewsPerHost = 1000;`
constants() { # file
  local name value
  sed -nE 's/.*constexpr [a-z0-9_]+ k([A-Za-z0-9]+) = ([0-9xA-Fa-f<>* ]+);.*/\1 \2/p' "$1" |
    while read -r name value; do echo "$(in_snake_case "$name") $((value))"; done
}
