# Completion of git session for fish, 3.4 or newer. Put this file where fish reads it at its start:
#
#   cp git-session.fish ~/.config/fish/conf.d/

# Refs with other characters, which somebody may have pushed, are never offered.
function __git_session_refs
    set -l refs (git for-each-ref --format='%(refname)' refs/sessions refs/remote-sessions 2>/dev/null |
        string replace -rf '^refs/(?:remote-)?sessions/([A-Za-z0-9._/-]*)/snapshot$' '$1')
    string replace -r '/[^/]*$' '' -- $refs | sort -u
    string match -q '*/*' -- (commandline -ct); and printf '%s\n' $refs
end

function __git_session_names
    git for-each-ref --format='%(refname)' refs/sessions 2>/dev/null |
        string replace -rf '^refs/sessions/([A-Za-z0-9._/-]*)/[^/]*/snapshot$' '$1' | sort -u
end

function __git_session_crqs
    git log --format=%N --notes=crq --no-patch --no-walk (git notes --ref=crq list 2>/dev/null | string split -f2 ' ') 2>/dev/null |
        string replace -rf '^CRQ: ([A-Za-z0-9._-]+) .*' '$1' | sort -u
end

function __git_session_tmux
    set -l tmux (git config session.tmuxCommand; or echo tmux)
    eval $tmux list-sessions -F "'#{session_name}'" 2>/dev/null
end

function __git_session_remotes
    git remote 2>/dev/null
end

# The words behind "git session"; fails on another command line.
function __git_session_words
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case session
                string join \n -- $words[2..]
                return 0
            case -C -c --git-dir --work-tree --namespace
                set -e words[1]
            case '-*'
            case '*'
                return 1
        end
        set -e words[1]
    end
    return 1
end

function __git_session_using
    set -l words (__git_session_words)
    contains -- "$words[1]" $argv
end

function __git_session_needs_command
    set -l words (__git_session_words | string collect)
    test $pipestatus[1] -eq 0 -a -z "$words"
end

complete -c git-session -w 'git session'
complete -c git -f -n __git_session_words
complete -c git -n __git_session_needs_command -s h -d 'show the commands'
complete -c git -n __git_session_needs_command -l version -d 'show the version'
complete -c git -n __git_session_needs_command -a help -d 'show the commands, or the options of one'
complete -c git -n __git_session_needs_command -a save -d 'Save a tmux session with its commit and uncommitted work'
complete -c git -n __git_session_needs_command -a restore -d 'Bring a saved session back'
complete -c git -n __git_session_needs_command -a rename -d 'Give a session another name'
complete -c git -n __git_session_needs_command -a delete -d 'Delete a session or a snapshot'
complete -c git -n __git_session_needs_command -a allow -d 'Let a snapshot start its commands when it is restored'
complete -c git -n __git_session_needs_command -a list -d 'List saved sessions'
complete -c git -n __git_session_needs_command -a show -d 'Show one snapshot: windows, panes, commands'
complete -c git -n __git_session_needs_command -a log -d 'Show the snapshots of a session, newest first'
complete -c git -n __git_session_needs_command -a diff -d 'Compare two snapshots'
complete -c git -n __git_session_needs_command -a graph -d 'Draw commits, and the snapshots and CRQs over them'
complete -c git -n __git_session_needs_command -a init -d 'Set this clone up for plain git fetch and git log'
complete -c git -n __git_session_needs_command -a uninit -d 'Take away what init has set'
complete -c git -n __git_session_needs_command -a push -d 'Push sessions and CRQ notes'
complete -c git -n __git_session_needs_command -a fetch -d 'Fetch sessions and CRQ notes'
complete -c git -n __git_session_needs_command -a sync -d 'Fetch, merge the CRQ notes, push'
complete -c git -n __git_session_needs_command -a export -d 'Write a snapshot to a file'
complete -c git -n __git_session_needs_command -a import -d 'Store a snapshot from a file'
complete -c git -n __git_session_needs_command -a link -d 'Link a snapshot to change requests'
complete -c git -n __git_session_needs_command -a unlink -d 'Take such a link away'
complete -c git -n __git_session_needs_command -a crq -d 'List change requests, or show one'
complete -c git -n __git_session_needs_command -a schema -d 'Print the JSON Schema of a snapshot'
complete -c git -n __git_session_needs_command -a doctor -d 'Check tmux, git, node and the configuration'

complete -c git -n '__git_session_using save' -s a -l all -d 'save every tmux session'
complete -c git -n '__git_session_using save' -l crq -xa '(__git_session_crqs)' -d 'link to this change request (repeatable)'
complete -c git -n '__git_session_using save' -l detect-crq -d 'find change requests in the branch name, trailers and documents (default)'
complete -c git -n '__git_session_using save' -l no-detect-crq -d 'link only what --crq names'
complete -c git -n '__git_session_using save' -l env -x -d 'save this environment variable too (repeatable)'
complete -c git -n '__git_session_using save' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using save' -s m -l message -x -d 'say what this is'
complete -c git -n '__git_session_using save' -s q -l quiet -d 'print nothing but errors and warnings'
complete -c git -n '__git_session_using save' -l scrollback -d 'save the panes\' text, with colors'
complete -c git -n '__git_session_using save' -s t -l target -xa '(__git_session_tmux)' -d 'the tmux session to save'
complete -c git -n '__git_session_using save' -l work -d 'take uncommitted work along (default)'
complete -c git -n '__git_session_using save' -l no-work -d 'leave uncommitted work out'
complete -c git -n '__git_session_using save' -a '(__git_session_names)'

complete -c git -n '__git_session_using restore' -s a -l all -d 'every saved session that is not alive'
complete -c git -n '__git_session_using restore' -l as -x -d 'name of the tmux session'
complete -c git -n '__git_session_using restore' -l attach -d 'go to the session afterwards'
complete -c git -n '__git_session_using restore' -l autostash -d 'put your own changes on the stash first'
complete -c git -n '__git_session_using restore' -l git -d 'restore commit and work (default)'
complete -c git -n '__git_session_using restore' -l no-git -d 'restore tmux only'
complete -c git -n '__git_session_using restore' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using restore' -s n -l dry-run -d 'print what would be done, change nothing'
complete -c git -n '__git_session_using restore' -l run -d 'start the commands without asking'
complete -c git -n '__git_session_using restore' -l no-run -d 'start no command'
complete -c git -n '__git_session_using restore' -l window -x -d 'only the window with this index'
complete -c git -n '__git_session_using restore' -l worktree -d 'restore into a new linked worktree, at this path if one is given'
complete -c git -n '__git_session_using restore' -a '(__git_session_refs)'

complete -c git -n '__git_session_using rename' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using rename' -a '(__git_session_names)'

complete -c git -n '__git_session_using delete' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using delete' -l remote -d 'delete it on this remote too'
complete -c git -n '__git_session_using delete' -a '(__git_session_refs)'

complete -c git -n '__git_session_using allow' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using allow' -s l -l list -d 'list what is approved on this machine'
complete -c git -n '__git_session_using allow' -s n -l dry-run -d 'show what would run, approve nothing'
complete -c git -n '__git_session_using allow' -l revoke -xa '(__git_session_refs)' -d 'take this approval back'
complete -c git -n '__git_session_using allow' -a '(__git_session_refs)'

complete -c git -n '__git_session_using list' -l crq -xa '(__git_session_crqs)' -d 'only those that are linked to this change request'
complete -c git -n '__git_session_using list' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using list' -s n -l max-count -x -d 'at most so many'
complete -c git -n '__git_session_using list' -l remote -d 'only fetched ones'
complete -c git -n '__git_session_using list' -l no-remote -d 'only those of this clone'
complete -c git -n '__git_session_using list' -a '(__git_session_names)'

complete -c git -n '__git_session_using show' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using show' -l raw -d 'print the blob\'s bytes as they are'
complete -c git -n '__git_session_using show' -a '(__git_session_refs)'

complete -c git -n '__git_session_using log' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using log' -s n -l max-count -x -d 'at most so many snapshots'
complete -c git -n '__git_session_using log' -l oneline -d 'one line for each'
complete -c git -n '__git_session_using log' -a '(__git_session_refs)'

complete -c git -n '__git_session_using diff' -l exit-code -d 'exit with 1 where they differ, else with 0'
complete -c git -n '__git_session_using diff' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using diff' -s q -l quiet -d 'print nothing'
complete -c git -n '__git_session_using diff' -l volatile -d 'compare times, process ids and the like too'
complete -c git -n '__git_session_using diff' -a '(__git_session_refs)'

complete -c git -n '__git_session_using graph' -l crq -xa '(__git_session_crqs)' -d 'only the snapshots that are linked to this change request'
complete -c git -n '__git_session_using graph' -l format -xa 'text json dot' -d 'text, json or dot'
complete -c git -n '__git_session_using graph' -l json -d 'print one JSON document on stdout'

complete -c git -n '__git_session_using init' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using init' -a '(__git_session_remotes)'

complete -c git -n '__git_session_using uninit' -l json -d 'print one JSON document on stdout'

complete -c git -n '__git_session_using push' -l allow-secrets -d 'push also what looks like a secret'
complete -c git -n '__git_session_using push' -l atomic -d 'all or nothing'
complete -c git -n '__git_session_using push' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using push' -s n -l dry-run -d 'ask the remote, change nothing'
complete -c git -n '__git_session_using push' -s q -l quiet -d 'print nothing but errors and warnings'
complete -c git -n '__git_session_using push' -l verify -d 'run the pre-push hook (default)'
complete -c git -n '__git_session_using push' -l no-verify -d 'do not run the pre-push hook'
complete -c git -n '__git_session_using push' -a '(__git_session_remotes)'
complete -c git -n '__git_session_using push' -a '(__git_session_names)'

complete -c git -n '__git_session_using fetch' -l all -d 'from all remotes'
complete -c git -n '__git_session_using fetch' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using fetch' -s p -l prune -d 'forget copies of what the remote no longer has'
complete -c git -n '__git_session_using fetch' -s q -l quiet -d 'print nothing but errors and warnings'
complete -c git -n '__git_session_using fetch' -a '(__git_session_remotes)'

complete -c git -n '__git_session_using sync' -l allow-secrets -d 'push also what looks like a secret'
complete -c git -n '__git_session_using sync' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using sync' -s q -l quiet -d 'print nothing but errors and warnings'
complete -c git -n '__git_session_using sync' -l verify -d 'run the pre-push hook (default)'
complete -c git -n '__git_session_using sync' -l no-verify -d 'do not run the pre-push hook'
complete -c git -n '__git_session_using sync' -a '(__git_session_remotes)'

complete -c git -n '__git_session_using export' -s a -l all -d 'every snapshot of this clone'
complete -c git -n '__git_session_using export' -l exclude -x -d 'leave out of a bundle what this commit has, for example origin/main'
complete -c git -n '__git_session_using export' -s f -l force -d 'replace files that are there'
complete -c git -n '__git_session_using export' -l format -xa 'json yaml bundle jsonl' -d 'json (default), yaml, bundle or jsonl'
complete -c git -n '__git_session_using export' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using export' -s o -l output -rF -d 'the file'
complete -c git -n '__git_session_using export' -l to -xa '(__fish_complete_directories)' -d 'write <name>/<id>.session.json into this folder'
complete -c git -n '__git_session_using export' -a '(__git_session_refs)'

complete -c git -n '__git_session_using import' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using import' -l name -x -d 'store them under this name'
complete -c git -n '__git_session_using import' -F

complete -c git -n '__git_session_using link' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using link' -a '(__git_session_refs)'
complete -c git -n '__git_session_using link' -a '(__git_session_crqs)'

complete -c git -n '__git_session_using unlink' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using unlink' -a '(__git_session_refs)'
complete -c git -n '__git_session_using unlink' -a '(__git_session_crqs)'

complete -c git -n '__git_session_using crq' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using crq' -l open -d 'only those whose document has an open status'
complete -c git -n '__git_session_using crq' -a 'list show (__git_session_crqs)'

complete -c git -n '__git_session_using schema' -l json -d 'print one JSON document on stdout'

complete -c git -n '__git_session_using doctor' -l json -d 'print one JSON document on stdout'
