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
    set -l tmux (git -c safe.bareRepository=explicit config session.tmuxCommand; or echo tmux)
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
complete -c git -n __git_session_needs_command -a run -d 'Run a command in a new tmux session'
complete -c git -n __git_session_needs_command -a exec -d 'Run a command in a live session, here to see'
complete -c git -n __git_session_needs_command -a wait -d 'Wait until sessions have ended'
complete -c git -n __git_session_needs_command -a adopt -d 'Give a tmux session a record'
complete -c git -n __git_session_needs_command -a create -d 'Make a tmux session with a shell'
complete -c git -n __git_session_needs_command -a start -d 'Start a session that was only made'
complete -c git -n __git_session_needs_command -a pause -d 'Pause a session, and say why'
complete -c git -n __git_session_needs_command -a resume -d 'Go on with a session that was paused'
complete -c git -n __git_session_needs_command -a iterate -d 'Begin or end an iteration, and note what it has changed'
complete -c git -n __git_session_needs_command -a complete -d 'Note that a session has done its work'
complete -c git -n __git_session_needs_command -a fail -d 'Note that a session has failed'
complete -c git -n __git_session_needs_command -a event -d 'Append an event to a session\'s log'
complete -c git -n __git_session_needs_command -a state -d 'Print the state of a session'
complete -c git -n __git_session_needs_command -a progress -d 'Show how far a session has come'
complete -c git -n __git_session_needs_command -a events -d 'Print the events of a session'
complete -c git -n __git_session_needs_command -a flush -d 'Put the events of sessions into git'
complete -c git -n __git_session_needs_command -a states -d 'Print the states and the events that lead from one to another'
complete -c git -n __git_session_needs_command -a status -d 'Show the worktrees with changes, activity and sessions'
complete -c git -n __git_session_needs_command -a switch -d 'Show another live session in this terminal of tmux'
complete -c git -n __git_session_needs_command -a attach -d 'Show a session in this terminal'
complete -c git -n __git_session_needs_command -a detach -d 'Take terminals away from a session'
complete -c git -n __git_session_needs_command -a kill -d 'End sessions with all that runs in them'
complete -c git -n __git_session_needs_command -a send -d 'Type a line into a session'
complete -c git -n __git_session_needs_command -a window -d 'List, make, close, select and rename windows'
complete -c git -n __git_session_needs_command -a pane -d 'List, split, close and focus panes, or type into one'
complete -c git -n __git_session_needs_command -a restore -d 'Bring a saved session back'
complete -c git -n __git_session_needs_command -a rename -d 'Give a session another name'
complete -c git -n __git_session_needs_command -a delete -d 'Delete a session or a snapshot'
complete -c git -n __git_session_needs_command -a forget -d 'Remove a saved secret everywhere it can be removed'
complete -c git -n __git_session_needs_command -a allow -d 'Let a snapshot start its commands when it is restored'
complete -c git -n __git_session_needs_command -a deny -d 'Start nothing of a snapshot on this machine'
complete -c git -n __git_session_needs_command -a list -d 'List live and saved sessions'
complete -c git -n __git_session_needs_command -a show -d 'Show one snapshot: windows, panes, commands'
complete -c git -n __git_session_needs_command -a log -d 'Show the snapshots of a session, newest first'
complete -c git -n __git_session_needs_command -a diff -d 'Compare two snapshots'
complete -c git -n __git_session_needs_command -a graph -d 'Draw commits, and the snapshots and CRQs over them'
complete -c git -n __git_session_needs_command -a init -d 'Set this clone up for plain git fetch and git log'
complete -c git -n __git_session_needs_command -a uninit -d 'Take away what init has set'
complete -c git -n __git_session_needs_command -a push -d 'Push sessions and CRQ notes'
complete -c git -n __git_session_needs_command -a fetch -d 'Fetch sessions and CRQ notes'
complete -c git -n __git_session_needs_command -a sync -d 'Fetch, merge the CRQ notes, push'
complete -c git -n __git_session_needs_command -a scan -d 'Look for secrets in what was saved'
complete -c git -n __git_session_needs_command -a export -d 'Write a snapshot to a file'
complete -c git -n __git_session_needs_command -a import -d 'Store a snapshot from a file'
complete -c git -n __git_session_needs_command -a link -d 'Link a snapshot to change requests'
complete -c git -n __git_session_needs_command -a unlink -d 'Take such a link away'
complete -c git -n __git_session_needs_command -a crq -d 'List change requests, or show one'
complete -c git -n __git_session_needs_command -a schema -d 'Print the JSON Schema of a snapshot'
complete -c git -n __git_session_needs_command -a history -d 'Print or search what a session has printed'
complete -c git -n __git_session_needs_command -a gc -d 'End idle sessions, and remove what is old'
complete -c git -n __git_session_needs_command -a config -d 'List the settings with their origin, or import them'
complete -c git -n __git_session_needs_command -a hooks -d 'Print hooks for coding agents, so that their conversations come back'
complete -c git -n __git_session_needs_command -a checkpoint -d 'Save a live session as a point to go back to'
complete -c git -n __git_session_needs_command -a rollback -d 'Put worktree and session back to a checkpoint'
complete -c git -n __git_session_needs_command -a recover -d 'Put right what a crash has left'
complete -c git -n __git_session_needs_command -a fsck -d 'Check snapshots, logs and records, and repair them'
complete -c git -n __git_session_needs_command -a migrate -d 'Bring files of older versions to the present form'
complete -c git -n __git_session_needs_command -a doctor -d 'Check tmux, git, node and the configuration'

complete -c git -n '__git_session_using save' -l allow-secret -x -d 'save what this rule finds as it is (repeatable)'
complete -c git -n '__git_session_using save' -s a -l all -d 'save every tmux session'
complete -c git -n '__git_session_using save' -l crq -xa '(__git_session_crqs)' -d 'link to this change request (repeatable)'
complete -c git -n '__git_session_using save' -l detect-crq -d 'find change requests in the branch name, trailers and documents (default)'
complete -c git -n '__git_session_using save' -l no-detect-crq -d 'link only what --crq names'
complete -c git -n '__git_session_using save' -l env -x -d 'save this environment variable too (repeatable)'
complete -c git -n '__git_session_using save' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using save' -s m -l message -x -d 'say what this is'
complete -c git -n '__git_session_using save' -s q -l quiet -d 'print nothing but errors and warnings'
complete -c git -n '__git_session_using save' -l scrollback -d 'save the panes\' text, with colors'
complete -c git -n '__git_session_using save' -l sign -d 'sign it, as session.sign says otherwise'
complete -c git -n '__git_session_using save' -l no-sign -d 'do not sign it'
complete -c git -n '__git_session_using save' -s t -l target -xa '(__git_session_tmux)' -d 'the tmux session to save'
complete -c git -n '__git_session_using save' -l work -d 'take uncommitted work along (default)'
complete -c git -n '__git_session_using save' -l no-work -d 'leave uncommitted work out'
complete -c git -n '__git_session_using save' -a '(__git_session_names)'

complete -c git -n '__git_session_using run' -l attach -d 'give the terminal to it; --no-attach: stay here (default)'
complete -c git -n '__git_session_using run' -l no-attach -d 'give the terminal to it; --no-attach: stay here (default)'
complete -c git -n '__git_session_using run' -s c -l cwd -xa '(__fish_complete_directories)' -d 'where it runs'
complete -c git -n '__git_session_using run' -l context -x -d 'what kind of work it is (default: run)'
complete -c git -n '__git_session_using run' -l create -d 'make the worktree, and its branch, where they are missing'
complete -c git -n '__git_session_using run' -s d -l detach -d 'stay here, whatever session.detachOnCreate says'
complete -c git -n '__git_session_using run' -l id -x -d 'what it is called in lists; else the name of the program'
complete -c git -n '__git_session_using run' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using run' -l meta -x -d 'a note for programs; may be repeated'
complete -c git -n '__git_session_using run' -s w -l worktree -x -d 'run it in this worktree'
complete -c git -n '__git_session_using run' -l wait -d 'wait for the end; the exit code is the command\'s'
complete -c git -n '__git_session_using run' -a '(__fish_complete_subcommand)'

complete -c git -n '__git_session_using exec' -s c -l cwd -xa '(__fish_complete_directories)' -d 'where it runs; else where the active pane is'
complete -c git -n '__git_session_using exec' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using exec' -l timeout -x -d 'end it after that, with exit code 124'
complete -c git -n '__git_session_using exec' -a '(__git_session_tmux; __fish_complete_subcommand)'

complete -c git -n '__git_session_using wait' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using wait' -l timeout -x -d 'no longer than that; exit code 124 then'
complete -c git -n '__git_session_using wait' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using adopt' -l ai -d 'note that it is for an AI agent'
complete -c git -n '__git_session_using adopt' -s a -l all -d 'every tmux session that is new to us and in a worktree of this repository'
complete -c git -n '__git_session_using adopt' -l context -x -d 'what kind of work it is (default: session)'
complete -c git -n '__git_session_using adopt' -l id -x -d 'what it is called in lists; else its name'
complete -c git -n '__git_session_using adopt' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using adopt' -l meta -x -d 'a note for programs; may be repeated'
complete -c git -n '__git_session_using adopt' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using create' -l auto-merge -d 'with --mode=worktree=<name>: `complete` merges its branch'
complete -c git -n '__git_session_using create' -l collect-metrics -d '`progress` has metrics'
complete -c git -n '__git_session_using create' -l fail-fast -d 'the first command that fails fails the session'
complete -c git -n '__git_session_using create' -l focus -x -d 'what to look at first'
complete -c git -n '__git_session_using create' -l max-iterations -x -d 'no more iterations than that'
complete -c git -n '__git_session_using create' -l mode -xa 'direct worktree=' -d 'direct (default), or worktree=<name>: in a linked worktree of that name'
complete -c git -n '__git_session_using create' -l project -xa '(__fish_complete_directories)' -d 'the project, and where its shell starts'
complete -c git -n '__git_session_using create' -l start -d 'note that work begins (default)'
complete -c git -n '__git_session_using create' -l no-start -d 'git session start does that later'
complete -c git -n '__git_session_using create' -l verbose -d 'say more on stderr'
complete -c git -n '__git_session_using create' -l workflow -rF -d 'the file that says what is to be done'
complete -c git -n '__git_session_using create' -l ai -d 'note that it is for an AI agent'
complete -c git -n '__git_session_using create' -l attach -d 'give the terminal to it; --no-attach: stay here (default)'
complete -c git -n '__git_session_using create' -l no-attach -d 'give the terminal to it; --no-attach: stay here (default)'
complete -c git -n '__git_session_using create' -s c -l dir -xa '(__fish_complete_directories)' -d 'where its shell starts'
complete -c git -n '__git_session_using create' -l context -x -d 'what kind of work it is (default: session)'
complete -c git -n '__git_session_using create' -l create -d 'make the worktree, and its branch, where they are missing'
complete -c git -n '__git_session_using create' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using create' -l meta -x -d 'a note for programs; may be repeated'
complete -c git -n '__git_session_using create' -l name -x -d 'its name, as the argument'
complete -c git -n '__git_session_using create' -s w -l worktree -x -d 'start in this worktree'

complete -c git -n '__git_session_using start' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using start' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using resume' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using resume' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using complete' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using complete' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using state' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using state' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using pause' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using pause' -s m -l message -x -d 'why'
complete -c git -n '__git_session_using pause' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using fail' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using fail' -s m -l message -x -d 'what went wrong'
complete -c git -n '__git_session_using fail' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using iterate' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using iterate' -a 'start end (__git_session_tmux)'

complete -c git -n '__git_session_using event' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using event' -l data -x -d 'what it carries, as JSON'
complete -c git -n '__git_session_using event' -a 'started iteration-started iteration-completed analysis-completed command-executed paused resumed completed failed checkpoint-saved deleted (__git_session_tmux)'

complete -c git -n '__git_session_using progress' -l interval -x -d 'seconds between two looks of --watch'
complete -c git -n '__git_session_using progress' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using progress' -l watch -d 'show it until q or Ctrl-C, and keep it up to date'
complete -c git -n '__git_session_using progress' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using events' -s f -l follow -d 'go on with those that come'
complete -c git -n '__git_session_using events' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using events' -s n -l max-count -x -d 'at most so many of those that are there'
complete -c git -n '__git_session_using events' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using flush' -s a -l all -d 'of every session that this clone has written to'
complete -c git -n '__git_session_using flush' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using flush' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using states' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using states' -l format -xa 'text mermaid' -d 'text (default) or mermaid'

complete -c git -n '__git_session_using status' -s a -l all -d 'branches without a worktree too'
complete -c git -n '__git_session_using status' -l filter -x -d 'only has-session, no-session, changed or clean; may be repeated'
complete -c git -n '__git_session_using status' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using status' -s v -l verbose -d 'with the directories and the names of the sessions'

complete -c git -n '__git_session_using switch' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using switch' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using attach' -s C -l dir -xa '(__fish_complete_directories)' -d 'where the repository is on the other machine'
complete -c git -n '__git_session_using attach' -s i -l interactive -d 'choose, also where one is meant'
complete -c git -n '__git_session_using attach' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using attach' -s r -l read-only -d 'look on: what is typed does nothing'
complete -c git -n '__git_session_using attach' -a '(__git_session_tmux; __git_session_names)'

complete -c git -n '__git_session_using detach' -s a -l all -d 'from every session of this repository'
complete -c git -n '__git_session_using detach' -l client -x -d 'only this one, for example /dev/pts/3'
complete -c git -n '__git_session_using detach' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using detach' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using kill' -s a -l all -d 'every live session of this repository'
complete -c git -n '__git_session_using kill' -l completed -d 'those whose command was successful'
complete -c git -n '__git_session_using kill' -s f -l force -d 'also those that a terminal shows'
complete -c git -n '__git_session_using kill' -l failed -d 'those whose command failed'
complete -c git -n '__git_session_using kill' -s i -l interactive -d 'choose, also where one is meant'
complete -c git -n '__git_session_using kill' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using kill' -s y -l yes -d 'end several without a question'
complete -c git -n '__git_session_using kill' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using send' -l enter -d 'press Enter behind it; --no-enter: leave the line as it is'
complete -c git -n '__git_session_using send' -l no-enter -d 'press Enter behind it; --no-enter: leave the line as it is'
complete -c git -n '__git_session_using send' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using send' -l keys -d 'press keys: C-c, Enter, Escape, F5'
complete -c git -n '__git_session_using send' -s l -l literal -d 'names of keys too are text, as they are without it'
complete -c git -n '__git_session_using send' -l pane -x -d 'into this one: <window>.<pane> or its id (else the active one)'
complete -c git -n '__git_session_using send' -l paste -d 'paste text, or what is read from stdin, lines and all'
complete -c git -n '__git_session_using send' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using window' -s c -l cwd -xa '(__fish_complete_directories)' -d 'of a new window (else that of the session)'
complete -c git -n '__git_session_using window' -s d -l detach -d 'do not go to the new window'
complete -c git -n '__git_session_using window' -s f -l force -d 'close the last one too, and end the session'
complete -c git -n '__git_session_using window' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using window' -s n -l name -x -d 'of a new window'
complete -c git -n '__git_session_using window' -s s -l session -xa '(__git_session_tmux)' -d 'instead of the argument'
complete -c git -n '__git_session_using window' -a 'list new close select rename (__git_session_tmux)'

complete -c git -n '__git_session_using pane' -s c -l cwd -xa '(__fish_complete_directories)' -d 'of the new pane (else that of the session)'
complete -c git -n '__git_session_using pane' -s d -l detach -d 'do not go to the new pane'
complete -c git -n '__git_session_using pane' -l enter -d 'press Enter behind a text (default)'
complete -c git -n '__git_session_using pane' -l no-enter -d 'press Enter behind a text (default)'
complete -c git -n '__git_session_using pane' -s f -l force -d 'close the last one too, and end the session'
complete -c git -n '__git_session_using pane' -l horizontal -d 'side by side; behind `split` also -h'
complete -c git -n '__git_session_using pane' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using pane' -l pane -x -d 'the one to split (else the active one)'
complete -c git -n '__git_session_using pane' -s s -l session -xa '(__git_session_tmux)' -d 'instead of the argument'
complete -c git -n '__git_session_using pane' -s v -l vertical -d 'one above the other, as it is without'
complete -c git -n '__git_session_using pane' -a 'list split close focus send (__git_session_tmux)'

complete -c git -n '__git_session_using restore' -s a -l all -d 'every saved session that is not alive and has not ended'
complete -c git -n '__git_session_using restore' -l as -x -d 'name of the tmux session'
complete -c git -n '__git_session_using restore' -l attach -d 'go to the session afterwards'
complete -c git -n '__git_session_using restore' -l autostash -d 'put your own changes on the stash first'
complete -c git -n '__git_session_using restore' -l git -d 'restore commit and work (default)'
complete -c git -n '__git_session_using restore' -l no-git -d 'restore tmux only'
complete -c git -n '__git_session_using restore' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using restore' -l launch -xa 'all none' -d 'none: commands are typed and wait for Enter'
complete -c git -n '__git_session_using restore' -s n -l dry-run -d 'print what would be done, change nothing'
complete -c git -n '__git_session_using restore' -l run -d 'start the commands without asking'
complete -c git -n '__git_session_using restore' -l no-run -d 'start no command'
complete -c git -n '__git_session_using restore' -l window -x -d 'only the window with this index'
complete -c git -n '__git_session_using restore' -l worktree -d 'restore into a new linked worktree, at this path if one is given'
complete -c git -n '__git_session_using restore' -a '(__git_session_refs)'

complete -c git -n '__git_session_using rename' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using rename' -a '(__git_session_names)'

complete -c git -n '__git_session_using delete' -s f -l force -d 'also where a terminal shows the session'
complete -c git -n '__git_session_using delete' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using delete' -l remote -d 'delete it on this remote too'
complete -c git -n '__git_session_using delete' -a '(__git_session_refs)'
complete -c git -n '__git_session_using forget' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using forget' -s n -l dry-run -d 'say what would go, change nothing'
complete -c git -n '__git_session_using forget' -l purge -d 'take its objects away at once'
complete -c git -n '__git_session_using forget' -l remote -d 'remove it on this remote too'
complete -c git -n '__git_session_using forget' -s y -l yes -d 'do it without a question'
complete -c git -n '__git_session_using forget' -a '(__git_session_refs)'

complete -c git -n '__git_session_using allow' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using allow' -s l -l list -d 'list what is approved or denied on this machine'
complete -c git -n '__git_session_using allow' -s n -l dry-run -d 'show what would run, approve nothing'
complete -c git -n '__git_session_using allow' -l revoke -xa '(__git_session_refs)' -d 'take this approval or denial back'
complete -c git -n '__git_session_using allow' -a '(__git_session_refs)'

complete -c git -n '__git_session_using deny' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using deny' -a '(__git_session_refs)'

complete -c git -n '__git_session_using list' -l active -d 'only those that live'
complete -c git -n '__git_session_using list' -s a -l all -d 'also tmux sessions that are not of this repository'
complete -c git -n '__git_session_using list' -l csv -d 'print comma-separated values (RFC 4180)'
complete -c git -n '__git_session_using list' -l filter -xa 'created running detached paused completed failed terminated saved unmanaged damaged newer-format foreign' -d 'only those'
complete -c git -n '__git_session_using list' -l interval -x -d 'seconds between two looks of --watch'
complete -c git -n '__git_session_using list' -l short -d 'one short line for each'
complete -c git -n '__git_session_using list' -l sort -xa 'duration task context status started' -d 'in this order'
complete -c git -n '__git_session_using list' -s v -l verbose -d 'more columns'
complete -c git -n '__git_session_using list' -l watch -d 'show the table until q or Ctrl-C, and keep it up to date'
complete -c git -n '__git_session_using list' -l crq -xa '(__git_session_crqs)' -d 'only those that are linked to this change request'
complete -c git -n '__git_session_using list' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using list' -s n -l max-count -x -d 'at most so many'
complete -c git -n '__git_session_using list' -l remote -d 'only fetched ones'
complete -c git -n '__git_session_using list' -l no-remote -d 'only those of this clone'
complete -c git -n '__git_session_using list' -a '(__git_session_names)'

complete -c git -n '__git_session_using show' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using show' -l raw -d 'print the blob\'s bytes as they are'
complete -c git -n '__git_session_using show' -a '(__git_session_refs)'

complete -c git -n '__git_session_using checkpoint' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using checkpoint' -s l -l list -d 'list them, the oldest first; saves nothing'
complete -c git -n '__git_session_using checkpoint' -s m -l message -x -d 'say what this is'
complete -c git -n '__git_session_using checkpoint' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using rollback' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using rollback' -s n -l dry-run -d 'print what would be done, change nothing'
complete -c git -n '__git_session_using rollback' -l run -d 'start the commands without asking'
complete -c git -n '__git_session_using rollback' -l no-run -d 'start no commands'
complete -c git -n '__git_session_using rollback' -l to -xa '(__git_session_refs)' -d 'a number of checkpoint --list, or a snapshot'
complete -c git -n '__git_session_using rollback' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using recover' -l json -d 'print one JSON document on stdout'

complete -c git -n '__git_session_using fsck' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using fsck' -l repair -d 'mend what can be mended safely'
complete -c git -n '__git_session_using fsck' -a '(__git_session_names)'

complete -c git -n '__git_session_using migrate' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using migrate' -s n -l dry-run -d 'print what would be done, change nothing'

complete -c git -n '__git_session_using log' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using log' -s n -l max-count -x -d 'at most so many snapshots and commands'
complete -c git -n '__git_session_using log' -l oneline -d 'one line for each'
complete -c git -n '__git_session_using log' -l full -d 'all that the commands printed'
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

complete -c git -n '__git_session_using push' -l allow-secret -x -d 'push also what this rule finds (repeatable)'
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

complete -c git -n '__git_session_using sync' -l allow-secret -x -d 'push also what this rule finds (repeatable)'
complete -c git -n '__git_session_using sync' -l allow-secrets -d 'push also what looks like a secret'
complete -c git -n '__git_session_using sync' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using sync' -s q -l quiet -d 'print nothing but errors and warnings'
complete -c git -n '__git_session_using sync' -l verify -d 'run the pre-push hook (default)'
complete -c git -n '__git_session_using sync' -l no-verify -d 'do not run the pre-push hook'
complete -c git -n '__git_session_using sync' -a '(__git_session_remotes)'

complete -c git -n '__git_session_using scan' -l allow-secret -x -d 'leave this rule alone (repeatable)'
complete -c git -n '__git_session_using scan' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using scan' -a '(__git_session_refs)'
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

complete -c git -n '__git_session_using history' -s n -l lines -x -d 'only the last lines of each pane'
complete -c git -n '__git_session_using history' -s o -l output -r -F -d 'write it into this file; -: stdout'
complete -c git -n '__git_session_using history' -s f -l force -d 'replace the file where it is there'
complete -c git -n '__git_session_using history' -l grep -x -d 'only lines with this in it, as grep -E finds it'
complete -c git -n '__git_session_using history' -s i -l ignore-case -d 'upper and lower case are the same'
complete -c git -n '__git_session_using history' -s C -l context -x -d 'lines before and behind each match'
complete -c git -n '__git_session_using history' -l pane -x -d 'only this pane'
complete -c git -n '__git_session_using history' -l color -d 'keep the colors, as escape sequences'
complete -c git -n '__git_session_using history' -s a -l all -d 'of every session of this repository'
complete -c git -n '__git_session_using history' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using history' -a '(__git_session_tmux)'

complete -c git -n '__git_session_using gc' -l older-than -x -d 'snapshots, records and histories older than this'
complete -c git -n '__git_session_using gc' -l keep -x -d 'all snapshots but the newest of each session'
complete -c git -n '__git_session_using gc' -s n -l dry-run -d 'print what would go, change nothing'
complete -c git -n '__git_session_using gc' -l json -d 'print one JSON document on stdout'

complete -c git -n '__git_session_using config' -s n -l dry-run -d 'print what would be set, set nothing'
complete -c git -n '__git_session_using config' -l global -d 'import into the user\'s configuration'
complete -c git -n '__git_session_using config' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using config' -s l -l list -d 'list all settings, as without arguments'
complete -c git -n '__git_session_using config' -l local -d 'import into that of the repository'
complete -c git -n '__git_session_using config' -s v -l verbose -d 'say what each setting is for'
complete -c git -n '__git_session_using config' -a 'import session.enabled session.tmuxCommand session.env session.autoCreateSession session.detachOnCreate session.autoCleanupCompleted session.defaultShell session.timeout session.retention session.keepAlive session.historyLimit session.historyAutoSave session.historySaveDir session.prefix session.picker session.onEvent session.fsync session.sign session.trustSigner session.crqPath session.crqPattern'
complete -c git -n '__git_session_using config' -F

complete -c git -n '__git_session_using hooks' -l json -d 'print one JSON document on stdout'
complete -c git -n '__git_session_using hooks' -a 'print claude codex gemini opencode aider'

complete -c git -n '__git_session_using doctor' -l json -d 'print one JSON document on stdout'
