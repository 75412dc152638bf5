#!/bin/sh
# git session as a plugin of tmux (3.2 or newer): keys to save, to restore and to switch. By the plugin manager, or by
# this line at the end of ~/.tmux.conf:
#
#   run-shell /path/to/git-session.tmux
#
# prefix M-s   save the session you are in         set -g @git-session-save-key M-s
# prefix M-r   choose a saved one and restore it   set -g @git-session-restore-key M-r
# prefix M-g   choose a live one and go to it      set -g @git-session-switch-key M-g
#
# A key that has a binding already keeps it, unless you name the key by its option. `none` is no key.

here="$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)" || exit 1
plugin="$here/git-session.tmux"

# Those that git session has saved, restored or made.
ours='#{||:#{!=:#{@git-session-id},},#{!=:#{@git-session-identifier},}}'

bind_keys () {
  # tmux reads this as a format, and then a shell reads it.
  self="'$(printf '%s' "$plugin" | sed "s/#/##/g; s/'/'\\\\''/g")'"
  bind_key @git-session-save-key M-s 'Save the session (git session)' \
    run-shell -b "$self save '#{client_name}' '#{pane_id}' '#{session_id}'"
  bind_key @git-session-restore-key M-r 'Restore a saved session (git session)' \
    run-shell -b "$self restore '#{client_name}' '#{pane_id}'"
  bind_key @git-session-switch-key M-g 'Switch to a live session (git session)' \
    choose-tree -Zs -f "$ours"
}

bind_key () {
  key="$(tmux show-options -gqv "$1")"
  case $key in
  none) return ;;
  '')
    key="$2"
    case $(tmux list-keys -T prefix "$key" 2>/dev/null) in
    '' | *git-session.tmux* | *"$ours"*) ;; # free, or bound by us before
    *) return ;;
    esac
    ;;
  esac
  note="$3"
  shift 3
  tmux bind-key -N "$note" -- "$key" "$@"
}

# The program beside this file where it is built, else the one that git finds. A key means the server it is pressed in.
git_session () {
  if [ -f "$here/dist/cli.cjs" ]; then
    PATH="$here/bin:$PATH" git -c session.tmuxCommand=tmux session "$@"
  else
    git -c session.tmuxCommand=tmux session "$@"
  fi
}

directory_of () {
  tmux -u display-message -p -t "$1" '#{pane_current_path}'
}

# Shows one line in the client's status line, as it is: tmux would run what stands in `#(...)`.
say () {
  client="$1"
  shift
  text="$(printf '%s' "$*" | LC_ALL=C tr -d '\000-\037\177' | sed 's/[#%]/&&/g')"
  tmux -u display-message ${client:+-c "$client"} -d 4000 -- "$text"
}

save () {
  cd -- "$(directory_of "$2")" || exit 1
  said="$(git_session save -t "$3" 2>&1)"
  failed="$(printf '%s\n' "$said" | grep -E '^(fatal|error): ' | head -n 1)"
  say "$1" "${failed:-$(printf '%s\n' "$said" | grep -v '^warning: ' | head -n 1)}"
}

restore () {
  # tmux expands the directory.
  directory="$(directory_of "$2" | sed 's/#/##/g')"
  # What was to be said stood in the popup: tmux would cover the pane with the exit code of what ran there.
  tmux -u display-popup -c "$1" -t "$2" -d "$directory" -w 80% -h 80% -E "$plugin" pick "$1" || :
}

# The saved sessions that do not run, also those of remotes, with the time of the last save, the newest first.
saved () {
  {
    tmux -u list-sessions -F '#{session_name}' | sed 's/^/live /'
    tmux -u list-sessions -F '#{@git-session-name}' | sed 's/^/live /'
    # Refs with other characters, which somebody may have pushed, are never offered.
    git for-each-ref --format='%(refname)' refs/sessions refs/remote-sessions |
      LC_ALL=C sed -n 's#^refs/\(remote-\)\{0,1\}sessions/\([A-Za-z0-9._/-]*\)/\([0-9]*\)T\([0-9]*\)Z-[0-9a-f]*/snapshot$#\3\4 \2#p' |
      sort -r
  } | awk '
    $1 == "live" { there[substr($0, 6)]; next }
    !($2 in there) {
      there[$2]
      at = substr($1, 1, 4) "-" substr($1, 5, 2) "-" substr($1, 7, 2) " " substr($1, 9, 2) ":" substr($1, 11, 2)
      printf "%-40s saved %s UTC\n", $2, at
    }'
}

# In the popup.
pick () {
  rows="$(saved)"
  [ -n "$rows" ] || stop 'Nothing is saved here that is not running.'
  if command -v fzf >/dev/null 2>&1; then
    row="$(printf '%s\n' "$rows" | fzf --no-multi --reverse --prompt='restore> ')" || exit 0
  else
    printf '%s\n' "$rows" | awk '{ printf "%3d  %s\n", NR, $0 }'
    printf '\nRestore which? '
    read -r number || exit 0
    case $number in
    '') exit 0 ;;
    *[!0-9]*) stop "'$number' is no number." ;;
    esac
    row="$(printf '%s\n' "$rows" | sed -n "${number}p")"
    [ -n "$row" ] || stop "There is no number $number."
  fi
  before=" $(tmux list-sessions -F '#{session_id}' | tr '\n' ' ')"
  # A restore that is not complete has made a session all the same.
  git_session restore "${row%% *}" || wait_for_enter
  for id in $(tmux list-sessions -F '#{session_id}'); do
    case $before in
    *" $id "*) ;;
    *) exec tmux switch-client -c "$1" -t "$id" ;;
    esac
  done
}

# The popup goes when its program ends, and with it what stands there.
stop () {
  printf '%s\n' "$1"
  wait_for_enter
  exit 1
}

wait_for_enter () {
  printf '\nEnter closes this. '
  read -r number
}

case ${1-} in
'') bind_keys ;;
save | restore | pick) "$@" ;;
esac
