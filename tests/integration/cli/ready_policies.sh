#!/usr/bin/env bash
# The ready policies on a tree with one of each secret and one of each thing that must stay: what policy
# show says and what a mounted view shows agree name by name.
. "$(dirname "$0")/common.sh"

POLICIES=/run/share/sluice/policies

# What people keep in projects and home directories that is nobody's business.
SECRETS='
.env
.env.local
.env.production
web/.env
web/production.env
.envrc
.dev.vars
local.settings.json
.ssh/id_ed25519
.ssh/config
.ssh/known_hosts
id_rsa
deploy/deploy_rsa
deploy/key.ppk
server.key
tls/privkey.pem
tls/site.p12
tls/site.pfx
AuthKey_ABC123.p8
android/release.keystore
android/upload.jks
.gnupg/private-keys-v1.d/1.key
backup.secret.asc
.password-store/mail.gpg
passwords.kdbx
.local/share/keyrings/login.keyring
.config/sops/age/keys.txt
.aws/credentials
.aws/config
.azure/accessTokens.json
.config/gcloud/application_default_credentials.json
.boto
.s3cfg
.config/rclone/rclone.conf
.config/doctl/config.yaml
clouds.yaml
client_secret_123.apps.json
service-account.json
my-project-service-account.json
app-firebase-adminsdk-x1.json
.kube/config
prod.kubeconfig
.docker/config.json
.config/containers/auth.json
infra/terraform.tfstate
infra/terraform.tfstate.backup
infra/prod.tfvars
infra/prod.auto.tfvars.json
.terraformrc
.terraform.d/credentials.tfrc.json
.vault-token
.vault_pass
.git-credentials
.config/git/credentials
.netrc
.config/gh/hosts.yml
.npmrc
web/.npmrc
.pypirc
.config/pip/pip.conf
.gem/credentials
.cargo/credentials.toml
.m2/settings.xml
.gradle/gradle.properties
.pgpass
.my.cnf
dumps/customers.dump
dumps/customers.sql.gz
wp-config.php
config/secrets.yml
config/master.key
config/credentials.json
.streamlit/secrets.toml
credentials
api_key.txt
.htpasswd
.bash_history
.zsh_history
.psql_history
.local/share/fish/fish_history
.viminfo
.mozilla/firefox/x.default/logins.json
.config/google-chrome/Default/Cookies
.config/chromium/Default/Login Data
snap/firefox/common/x
cookies.txt
.config/Signal/config.json
.msmtprc
office.ovpn
wg0.conf
.config/filezilla/sitemanager.xml
.vscode/sftp.json
.smbcredentials
wallet.dat
.kaggle/kaggle.json
core.1234
heap.hprof
'
# What somebody would miss.
NEEDED='
README.md
Makefile
src/main.c
src/keys.c
src/key.h
src/secrets.py
src/environment.ts
src/credentials.go
src/token.rs
.env.example
web/.env.sample
web/.env.template
.env.d.ts
id_rsa.pub
deploy/deploy_rsa.pub
tls/fullchain.pem
venv/lib/certifi/cacert.pem
venv/lib/grpc/roots.pem
src/kubeconfig.py
android/debug.keystore
infra/main.tf
infra/prod.tfvars.example
infra/.terraform.lock.hcl
package.json
package-lock.json
.yarnrc.yml
Cargo.toml
.cargo/config.toml
.docker/Dockerfile
.config/nvim/init.lua
.gitignore
.gitattributes
.gitmodules
.git/HEAD
.git/config
.git/hooks/pre-commit
.git/objects/pack/x.pack
.github/workflows/ci.yml
.vscode/settings.json
.vscode/tasks.json
docs/passwords.md
docs/core.md
migrations/001.sql
appsettings.json
google-services.json
gradle.properties
config/database.yml
.bashrc
.profile
'
# Of these, what an agent must not change.
KEPT='
.git/config
.git/hooks/pre-commit
.gitmodules
.github/workflows/ci.yml
.vscode/settings.json
.vscode/tasks.json
.yarnrc.yml
.config/nvim/init.lua
.bashrc
.profile
'
# And what it must not make, where it is not yet.
NOT_MADE='
.git/hooks/post-checkout
.git/modules/sub/hooks/post-checkout
.git/modules/sub/config
src/.git
.husky/pre-push
.githooks/pre-push
.pre-commit-config.yaml
.gitlab-ci.yml
.github/workflows/new.yml
.vscode/launch.json
.idea/workspace.xml
src/.dir-locals.el
.exrc
.mcp.json
.zshenv
.local/bin/ls
.envrc.local
web/.env.staging
new.key
'

lines() { sed '/^$/d' <<< "$1"; }
make_tree() { # directory
  local path
  while read -r path; do
    mkdir -p "$1/$(dirname "$path")"
    printf 'content of %s\n' "$path" > "$1/$path"
  done < <(lines "$SECRETS$NEEDED")
  mkdir -p "$1"/.git/modules/sub/hooks "$1"/.husky "$1"/.githooks "$1"/.idea "$1"/.local/bin "$1/build"
  chown -R $USER_A:$USER_A "$1"
}
mount_with() { # policy
  mkdir -p "$W/view"
  mount_view --identity $USER_A --policy "$1" "$W/source" "$W/view"
}
end_view() {
  kill -TERM "$VIEW"
  await_view
}
names_in_view() { as_a find "$W/view" -mindepth 1 -printf '%P\n' | sort; }
names_shown() { # policy
  timed sluice policy show --json "$1" "$W/source" | jq -r '.entries[] | select(.hidden | not) | .path' | sort
}

case_agree_name_by_name() {
  local policy
  make_tree "$W/source"
  for policy in $(timed sluice policy list --json | jq -r '.[].policy'); do
    mount_with "$policy" || return
    expect_eq "$policy: show and the view" "$(names_shown "$policy")" "$(names_in_view)"
    expect_match "$policy: something is seen" . "$(names_in_view)"
    end_view
  done
}

case_coding_agent() {
  local path
  make_tree "$W/source"
  mount_with coding-agent || return
  while read -r path; do
    expect_fails "$path is hidden" as_a test -e "$W/view/$path"
    expect_match "$path: why" '^..*$' \
      "$(timed sluice policy explain --json coding-agent "$path" | jq -r 'select(.hidden) | .deciding[0].reason')"
  done < <(lines "$SECRETS")
  while read -r path; do
    expect_eq "$path can be read" "content of $path" "$(as_a cat "$W/view/$path")"
    if grep -qxF -- "$path" <<< "$KEPT"; then
      expect_fails "$path cannot be written" as_a sh -c 'echo x >> "$1"' _ "$W/view/$path"
      expect_fails "$path cannot be replaced" as_a mv "$W/view/README.md" "$W/view/$path"
      expect_fails "$path cannot be removed" as_a rm -f "$W/view/$path"
    else
      expect_ok "$path can be written" as_a sh -c 'echo x >> "$1"' _ "$W/view/$path"
    fi
  done < <(lines "$NEEDED")
  while read -r path; do
    expect_fails "$path cannot be made" as_a touch "$W/view/$path"
    expect_fails "$path cannot be moved to" as_a mv "$W/view/README.md" "$W/view/$path"
    expect_fails "$path cannot be a link" as_a ln -s /tmp "$W/view/$path"
  done < <(lines "$NOT_MADE")
  expect_fails "hooks cannot be moved away" as_a mv "$W/view/.git/hooks" "$W/view/old"
  expect_fails ".git cannot be exchanged" as_a mv -T "$W/view/.git" "$W/view/old"
  expect_eq "nothing of it was made" "" "$(cd "$W/source" && lines "$NOT_MADE" | while read -r path; do [ -e "$path" ] && echo "$path"; done)"
  expect_eq "and nothing is gone" content "$(cut -d' ' -f1 "$W/source/README.md" | head -1)"
  expect_ok "files can be made" as_a touch "$W/view/src/new.c" "$W/view/new.txt" "$W/view/.git/index"
  end_view
}
# Commits, which write in .git and not in what the policy keeps.
case_git_in_coding_agent() {
  command -v git > /dev/null || { echo "  (no git here)"; return; }
  mkdir "$W/source" "$W/view"
  chown $USER_A "$W/source"
  local git=(as_a env HOME=/nonexistent GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b git)
  expect_ok "a repository" "${git[@]}" -C "$W/source" init -q
  mount_with coding-agent || return
  echo x > "$W/source/file"
  echo secret > "$W/source/.env"
  chown $USER_A "$W/source/file" "$W/source/.env"
  expect_ok "add" "${git[@]}" -C "$W/view" add .
  expect_ok "commit" "${git[@]}" -C "$W/view" commit -q -m one
  expect_eq "without the secret" file "$("${git[@]}" -C "$W/view" ls-files)"
  expect_fails "configure" "${git[@]}" -C "$W/view" config core.fsmonitor /tmp/x
  expect_ok "a branch" "${git[@]}" -C "$W/view" checkout -q -b other
  end_view
}
case_build() {
  make_tree "$W/source"
  mount_with build || return
  expect_fails "a secret" as_a test -e "$W/view/.env"
  expect_fails "sources" as_a sh -c 'echo x >> "$1"' _ "$W/view/src/main.c"
  expect_fails "a new source" as_a touch "$W/view/src/new.c"
  expect_fails "a hook" as_a mkdir "$W/view/.git/hooks/build"
  expect_ok "an output" as_a sh -c 'mkdir "$1/build/x" "$1/target" && touch "$1/build/x/y" "$1/target/a" "$1/src/main.o"' _ "$W/view"
  end_view
}
case_read_only() {
  make_tree "$W/source"
  mount_with read-only || return
  expect_fails "a secret" as_a test -e "$W/view/.env"
  expect_ok "reading" as_a cat "$W/view/src/main.c"
  expect_fails "writing" as_a touch "$W/view/src/main.c"
  expect_fails "making" as_a touch "$W/view/new"
  end_view
}
case_office() {
  make_tree "$W/source"
  mkdir "$W/source/Documents"
  for name in letter.odt sheet.xlsx macro.docm photo.JPG 'my passwords.ods' script.sh tool; do
    printf '#!/bin/sh\necho ran\n' > "$W/source/Documents/$name"
  done
  chmod 755 "$W/source/Documents/letter.odt" "$W/source/Documents/tool"
  chown -R $USER_A "$W/source/Documents"
  mount_with office || return
  expect_eq "documents" "letter.odt macro.docm photo.JPG sheet.xlsx" "$(echo $(as_a ls "$W/view/Documents"))"
  expect_eq "nothing hidden is seen" "" "$(cd "$W/view" 2> /dev/null; as_a find "$W/view" -name '.?*')"
  expect_ok "a document can be written" as_a sh -c 'echo x >> "$1/letter.odt"' _ "$W/view/Documents"
  expect_fails "macros stay" as_a sh -c 'echo x >> "$1/macro.docm"' _ "$W/view/Documents"
  expect_fails "nothing runs" as_a "$W/view/Documents/letter.odt"
  expect_ok "saving as programs do" as_a sh -c 'cd "$1" && touch ".~lock.new.odt#" lu1x.tmp && mv lu1x.tmp new.odt' _ "$W/view/Documents"
  expect_fails "no program is made" as_a touch "$W/view/Documents/new.sh"
  end_view
}

# Each pattern that hides, by a name that is made from it: none is misspelt so that it hides nothing.
case_every_pattern() {
  local path expected
  mkdir "$W/source"
  # Strings of the lists and paths of rules that hide, as names.
  awk '/^\[\[rule\]\]/ { rule = ""; hides = 0 } { rule = rule $0 "\n" } /^access = "hide"/ { print rule }' \
    "$POLICIES/coding-agent.toml" | awk '/^paths? = / { on = 1 } /^access/ { on = 0 } on' | grep -oE '"[^"]+"' | tr -d '"' |
    sed -e 's/\[0-9\]\*/7/; s/\[0-9\]/7/; s/\*\*\///; s/\*/xy/g; s/^\///' > "$W/names"
  [ "$(wc -l < "$W/names")" -gt 300 ] || fail "patterns are found" "got: $(wc -l < "$W/names")"
  while read -r path; do
    mkdir -p "$W/source/in/$(dirname "$path")"
    [ -d "$W/source/in/$path" ] || echo x > "$W/source/in/$path"
  done < "$W/names"
  timed sluice policy show --json coding-agent "$W/source" | jq -r '.entries[] | select(.hidden).path' | sed 's/^in\///' > "$W/hidden"
  while read -r path; do
    expected=$path
    until grep -qxF -- "$expected" "$W/hidden"; do
      case $expected in */*) expected=${expected%/*} ;; *) break ;; esac
    done
    grep -qxF -- "$expected" "$W/hidden" || fail "$path is hidden"
  done < "$W/names"
}

run_cases
