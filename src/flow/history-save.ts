import path from 'node:path';
import type { SessionRecord } from '../session/live.ts';
import { type SettingSource, setting } from '../session/settings.ts';

/** Where the history of a session is kept when it has ended. The id tells it from another one of that name. */
export function historyFile(config: SettingSource, record: Pick<SessionRecord, 'id' | 'name'>): string {
  const directory = setting(config, 'historySaveDir', process.env);
  return path.join(directory, `${record.name.replaceAll('/', '-')}-${record.id.slice(0, 8)}.txt`);
}

export interface HistoryLines {
  /** tmux as a line for sh, without arguments. */
  tmux: string;
  /** The file, quoted for sh; null: not to be saved. */
  file: string | null;
  /** Close the pane afterwards, where the command was successful. */
  cleanUp: boolean;
}

/**
 * The end of a run's script: the state for the status line, and in the background, when tmux has read all that the
 * command wrote, the history. The background part lets the terminal go, or the pane would not end, and outlives it.
 * tmux may miss the end of a process until it starts another one (tmux.md 7.2): `run-shell` makes it look.
 */
export function historyLines({ tmux, file, cleanUp }: HistoryLines): string[] {
  return [
    `t() { ${tmux} "$@" 2>/dev/null; }`,
    'if [ "$r" -eq 0 ]; then e=completed; else e=failed; fi',
    "trap '' HUP INT QUIT TERM",
    '{',
    '  t set-option -t "$TMUX_PANE" @git-session-state "$e"',
    '  n=0',
    '  while [ "$n" -lt 200 ] && [ "$(t display-message -p -t "$TMUX_PANE" "#{pane_dead}")" = 0 ]; do',
    '    sleep 0.05 || sleep 1',
    '    n=$((n+1))',
    '  done',
    '  t run-shell true',
    ...(file === null
      ? []
      : [
          `  f=${file}`,
          // Without tmux's own last line, and the empty rest of the screen.
          '  if t capture-pane -p -J -S - -t "$TMUX_PANE" >"$f.tmp"; then',
          `    sed '$ { /^Pane is dead/d; }' "$f.tmp" |`,
          String.raw`      awk '/^[[:space:]]*$/ { b = b $0 "\n"; next } { printf "%s%s\n", b, $0; b = "" }' >"$f.new" &&`,
          '      mv -f -- "$f.new" "$f"',
          '  fi',
          '  rm -f -- "$f.tmp" "$f.new"',
        ]),
    ...(cleanUp ? ['  if [ "$r" -eq 0 ]; then t kill-pane -t "$TMUX_PANE"; fi'] : []),
    '} </dev/null >/dev/null 2>&1 &',
  ];
}
