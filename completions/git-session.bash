# Completion of git session for bash.
#
# It is called by git's own completion, which must be loaded. Put this file where bash-completion finds it by name:
#
#   mkdir -p ~/.local/share/bash-completion/completions
#   cp git-session.bash ~/.local/share/bash-completion/completions/git-session
#
# or read it from ~/.bashrc: source /path/to/completions/git-session.bash

__git_session_commands="save switch run exec wait adopt create start pause resume iterate complete fail event state states progress events flush attach detach kill send window pane status checkpoint rollback restore rename delete forget allow deny history list show log diff graph init uninit push fetch sync scan export import link unlink crq schema gc recover fsck migrate config hooks doctor"

__git_session_settings="session.enabled session.tmuxCommand session.env session.autoCreateSession session.detachOnCreate session.autoCleanupCompleted session.defaultShell session.timeout session.retention session.keepAlive session.historyLimit session.historyAutoSave session.historySaveDir session.prefix session.picker session.onEvent session.fsync session.sign session.trustSigner session.crqPath session.crqPattern"

# Names of sessions, those of remotes too; behind a "/" also single snapshots. Refs with other characters, which
# somebody may have pushed, are never offered.
__git_session_refs ()
{
	local what='\2'
	case "${1-}" in
	*/*) what='\2 \2/\3' ;;
	esac
	__git for-each-ref --format='%(refname)' refs/sessions refs/remote-sessions |
	sed -n "s#^refs/\(remote-\)\{0,1\}sessions/\([A-Za-z0-9._/-]*\)/\([0-9TZa-f-]*\)/snapshot\$#$what#p" | tr ' ' '\n' | sort -u
}

# Names of this clone's sessions.
__git_session_names ()
{
	__git for-each-ref --format='%(refname)' refs/sessions |
	sed -n 's#^refs/sessions/\([A-Za-z0-9._/-]*\)/[0-9TZa-f-]*/snapshot$#\1#p' | sort -u
}

# Live tmux sessions.
__git_session_tmux ()
{
	local tmux
	tmux="$(__git -c safe.bareRepository=explicit config session.tmuxCommand)" || tmux=tmux
	$tmux list-sessions -F '#{session_name}' 2>/dev/null
}

# Ids of change requests that something is linked to.
__git_session_crqs ()
{
	__git log --format=%N --notes=crq --no-patch --no-walk $(__git notes --ref=crq list | cut -d' ' -f2) |
	sed -n 's/^CRQ: \([A-Za-z0-9._-]*\) .*/\1/p' | sort -u
}

__git_session_statuses="created running detached paused completed failed terminated saved unmanaged damaged newer-format foreign"

__git_session_events="started iteration-started iteration-completed analysis-completed command-executed paused resumed completed failed checkpoint-saved deleted"

__git_session_options ()
{
	case "$1" in
	save) echo "--allow-secret= --all --crq= --detect-crq --no-detect-crq --env= --json --message= --quiet --scrollback --scrollback= --sign --no-sign --target= --work --no-work" ;;
	run) echo "--attach --no-attach --cwd= --context= --create --detach --id= --json --meta= --worktree= --wait" ;;
	exec) echo "--cwd= --json --timeout=" ;;
	wait) echo "--json --timeout=" ;;
	adopt) echo "--ai --all --context= --id= --json --meta=" ;;
	create) echo "--ai --attach --no-attach --auto-merge --collect-metrics --dir= --context= --create --fail-fast --focus= --json --max-iterations= --meta= --mode= --name= --project= --start --no-start --verbose --workflow= --worktree=" ;;
	start) echo "--json" ;;
	pause) echo "--json --message=" ;;
	resume) echo "--json" ;;
	iterate) echo "--json" ;;
	complete) echo "--json" ;;
	fail) echo "--json --message=" ;;
	event) echo "--data= --json" ;;
	state) echo "--json" ;;
	states) echo "--format= --json" ;;
	progress) echo "--interval= --json --watch" ;;
	events) echo "--follow --json --max-count=" ;;
	flush) echo "--all --json" ;;
	status) echo "--all --filter= --json --verbose" ;;
	attach) echo "--dir= --interactive --json --read-only" ;;
	detach) echo "--all --client= --json" ;;
	kill) echo "--all --completed --force --failed --interactive --json --yes" ;;
	send) echo "--enter --no-enter --json --keys --literal --pane= --paste" ;;
	window) echo "--cwd= --detach --force --json --name= --session=" ;;
	pane) echo "--cwd= --detach --enter --no-enter --force --horizontal --json --pane= --session= --vertical" ;;
	checkpoint) echo "--json --list --message=" ;;
	rollback) echo "--json --dry-run --run --no-run --to=" ;;
	recover) echo "--json" ;;
	fsck) echo "--json --repair" ;;
	migrate) echo "--dry-run --json" ;;
	restore) echo "--all --as= --attach --autostash --git --no-git --json --launch= --dry-run --run --no-run --window= --worktree --worktree=" ;;
	switch) echo "--json" ;;
	rename) echo "--json" ;;
	delete) echo "--force --json --remote --remote=" ;;
	forget) echo "--dry-run --json --purge --remote --remote= --yes" ;;
	allow) echo "--json --list --dry-run --revoke=" ;;
	deny) echo "--json" ;;
	list) echo "--active --all --crq= --csv --filter= --interval= --json --max-count= --remote --no-remote --short --sort= --verbose --watch" ;;
	show) echo "--json --raw" ;;
	log) echo "--full --json --max-count= --oneline" ;;
	diff) echo "--exit-code --json --quiet --volatile" ;;
	graph) echo "--crq= --format= --json" ;;
	init) echo "--json" ;;
	uninit) echo "--json" ;;
	push) echo "--allow-secret= --allow-secrets --atomic --json --dry-run --quiet --verify --no-verify" ;;
	fetch) echo "--all --json --prune --quiet" ;;
	sync) echo "--allow-secret= --allow-secrets --json --quiet --verify --no-verify" ;;
	scan) echo "--allow-secret= --json" ;;
	export) echo "--all --exclude= --force --format= --json --output= --to=" ;;
	import) echo "--json --name=" ;;
	link) echo "--json" ;;
	unlink) echo "--json" ;;
	crq) echo "--json --open" ;;
	schema) echo "--json" ;;
	history) echo "--all --color --context= --force --grep= --ignore-case --json --lines= --output= --pane=" ;;
	gc) echo "--dry-run --json --keep= --older-than=" ;;
	config) echo "--dry-run --global --json --list --local --verbose" ;;
	hooks) echo "--json" ;;
	doctor) echo "--json" ;;
	esac
}

_git_session ()
{
	local i start=1 command="" arguments=0
	[ -n "${__git_cmd_idx-}" ] && start=$((__git_cmd_idx + 1))
	for ((i = start; i < cword; i++)); do
		case " $__git_session_commands " in
		*" ${words[i]} "*)
			command="${words[i]}"
			break
			;;
		esac
	done
	if [ -z "$command" ]; then
		case "$cur" in
		-*) __gitcomp "--help --version" ;;
		*) __gitcomp "$__git_session_commands help" ;;
		esac
		return
	fi
	for ((i++; i < cword; i++)); do
		case "${words[i]}" in
		-*) ;;
		*) arguments=$((arguments + 1)) ;;
		esac
	done

	case "$command,$cur" in
	export,--format=*) __gitcomp "json yaml bundle jsonl" "" "${cur#--format=}"; return ;;
	restore,--launch=*) __gitcomp "all none" "" "${cur#--launch=}"; return ;;
	states,--format=*) __gitcomp "text mermaid" "" "${cur#--format=}"; return ;;
	create,--mode=*) __gitcomp "direct worktree=" "" "${cur#--mode=}"; return ;;
	graph,--format=*) __gitcomp "text json dot" "" "${cur#--format=}"; return ;;
	delete,--remote=* | forget,--remote=*) __gitcomp_nl "$(__git remote)" "" "${cur#--remote=}"; return ;;
	rollback,--to=*) __gitcomp_nl "$(__git_session_refs "${cur#--to=}")" "" "${cur#--to=}"; return ;;
	allow,--revoke=*) __gitcomp_nl "$(__git_session_refs "$cur")" "" "${cur#--revoke=}"; return ;;
	list,--filter=*) __gitcomp "$__git_session_statuses" "" "${cur#--filter=}"; return ;;
	list,--sort=*) __gitcomp "duration task context status started" "" "${cur#--sort=}"; return ;;
	*,--crq=*) __gitcomp_nl "$(__git_session_crqs)" "" "${cur#--crq=}"; return ;;
	*,--*=*) return ;; # a file or a text: what bash offers by itself
	*,-*) __gitcomp "$(__git_session_options "$command")"; return ;;
	esac
	case "$command,$prev" in
	save,-t | save,--target) __gitcomp_nl "$(__git_session_tmux)"; return ;;
	list,--filter) __gitcomp "$__git_session_statuses"; return ;;
	list,--sort) __gitcomp "duration task context status started"; return ;;
	list,--interval | progress,--interval | events,--max-count) return ;;
	*,--crq) __gitcomp_nl "$(__git_session_crqs)"; return ;;
	export,--format) __gitcomp "json yaml bundle jsonl"; return ;;
	restore,--launch) __gitcomp "all none"; return ;;
	graph,--format) __gitcomp "text json dot"; return ;;
	states,--format) __gitcomp "text mermaid"; return ;;
	create,--mode) __gitcomp "direct worktree="; return ;;
	create,--focus | create,--max-iterations | create,--project | create,--workflow | *,--data) return ;;
	rollback,--to) __gitcomp_nl "$(__git_session_refs "$cur")"; return ;;
	*,--revoke) __gitcomp_nl "$(__git_session_refs "$cur")"; return ;;
	export,-o | export,--output | export,--to | *,-m | *,--message | *,--as | *,--window | *,--env) return ;;
	*,-n)
		case "$command" in
		list | log) return ;;
		esac
		;;
	esac

	case "$command" in
	restore | show | log | diff | delete | forget | scan | allow | deny | export) __gitcomp_nl "$(__git_session_refs "$cur")" ;;
	save | list | rename | fsck) __gitcomp_nl "$(__git_session_names)" ;;
	switch | detach | kill | history | checkpoint | rollback) __gitcomp_nl "$(__git_session_tmux)" ;;
	start | pause | resume | complete | fail | state | progress | events | flush) __gitcomp_nl "$(__git_session_tmux)" ;;
	iterate)
		if [ "$arguments" -eq 0 ]; then
			__gitcomp "start end"
		else
			__gitcomp_nl "$(__git_session_tmux)"
		fi
		;;
	event)
		if [ "$arguments" -eq 0 ]; then
			__gitcomp_nl "$(__git_session_tmux)"
		else
			__gitcomp "$__git_session_events"
		fi
		;;
	wait | adopt) __gitcomp_nl "$(__git_session_tmux)" ;;
	attach) __gitcomp_nl "$(__git_session_tmux; __git_session_names)" ;;
	exec | send)
		if [ "$arguments" -eq 0 ]; then
			__gitcomp_nl "$(__git_session_tmux)"
		fi
		;;
	window | pane)
		case "$arguments,$command" in
		0,window) __gitcomp "list new close select rename" ;;
		0,pane) __gitcomp "list split close focus send" ;;
		1,*) __gitcomp_nl "$(__git_session_tmux)" ;;
		esac
		;;
	link | unlink)
		if [ "$arguments" -eq 0 ]; then
			__gitcomp_nl "$(__git_session_refs "$cur")"
		else
			__gitcomp_nl "$(__git_session_crqs)"
		fi
		;;
	push)
		if [ "$arguments" -eq 0 ]; then
			__gitcomp_nl "$(__git remote)"
		else
			__gitcomp_nl "$(__git_session_names)"
		fi
		;;
	fetch | sync | init) __gitcomp_nl "$(__git remote)" ;;
	config)
		if [ "$arguments" -eq 0 ]; then
			__gitcomp "import $__git_session_settings"
		fi # behind import a file: what bash offers by itself
		;;
	hooks)
		if [ "$arguments" -eq 0 ]; then
			__gitcomp "print"
		else
			__gitcomp "claude codex gemini opencode aider"
		fi
		;;
	crq)
		if [ "$arguments" -eq 0 ]; then
			__gitcomp "list show"
		else
			__gitcomp_nl "$(__git_session_crqs)"
		fi
		;;
	esac
}
