import { homedir } from 'node:os';
import path from 'node:path';
import type { SessionRecord } from '../session/live.ts';
import { type SettingSource, setting } from '../session/settings.ts';
import { HAS_DEAD_LINE } from '../tmux/dead-pane.ts';

/**
 * Where the history of a session is kept when it has ended. The id tells it from another one of that name. The name of
 * a session that was adopted may have any character: a terminal that lists the directory must not obey them.
 */
export function historyFile(config: SettingSource, record: Pick<SessionRecord, 'id' | 'name'>): string {
  const { HOME = homedir(), XDG_DATA_HOME } = process.env;
  const directory = setting(config, 'historySaveDir', { HOME, XDG_DATA_HOME });
  const name = record.name.replace(/[^A-Za-z0-9._-]/gu, '-');
  return path.join(directory, `${name}-${record.id.slice(0, 8)}.txt`);
}

export interface HistoryLines {
  /** tmux as a line for sh, without arguments. */
  tmux: string;
  /** The file, quoted for sh; null: not to be saved. */
  file: string | null;
  /** Close the pane afterwards, where the command was successful. */
  cleanUp: boolean;
}

/** The first line has to begin with `p`. Without tmux's own last line, and the empty rest of the screen. */
const LAST_LINES = [
  'NR == 1 { if ($1 != p) exit 1; dead = $2; next }',
  'NR > 2 { put(l) }',
  '{ l = $0 }',
  'END { if (NR > 1 && !(dead && l ~ /^Pane is dead/)) put(l) }',
  String.raw`function put(s) { if (s ~ /^[ \t]*$/) b = b s "\n"; else { printf "%s%s\n", b, s; b = "" } }`,
].join('\n');

/**
 * Instead of tmux's own last line one below the screen, so that nobody waits for a prompt. Only where that place is free,
 * and in the words of tmux.
 */
const DEATH_NOTE = [
  `  w='#{?${HAS_DEAD_LINE},,1}'`,
  String.raw`  q "set-option -p" "pane-border-format \"#{?pane_dead, Ended with exit code $r#, #{t:pane_dead_time} ,#{pane_title}}\"" "$w"`,
  '  q "set-option -w" "pane-border-status bottom" "#{&&:$w,#{==:#{pane-border-status},off}}"',
];

/**
 * The end of a run's script: the state for the status line, and in the background, when tmux has read all that the
 * command wrote, the history. The background part lets the terminal go, or the pane would not end, and outlives it.
 * tmux may miss the end of a process until it starts another one (tmux.md 7.2): `run-shell` makes it look.
 * Another server, started meanwhile, may have a pane of the same id: what is asked for goes to the old one only.
 */
export function historyLines({ tmux, file, cleanUp }: HistoryLines): string[] {
  return [
    `t() { ${tmux} "$@" 2>/dev/null; }`,
    'p=${TMUX%,*}; p=${p##*,}',
    // Does it in this pane of this server, and only on the condition that may be given; or nothing.
    `q() { t if-shell -F -t "$TMUX_PANE" "#{&&:#{==:#{pid},$p},\${3-1}}" "$1 -t $TMUX_PANE $2"; }`,
    'if [ "$r" -eq 0 ]; then e=completed; else e=failed; fi',
    "trap '' HUP INT QUIT TERM",
    // The log's reader would stay as long as the dead pane does, which tmux lets nobody unpipe.
    ...(file === null ? [] : ['[ "$n" -ge 300 ] || q pipe-pane']),
    '{',
    '  q set-option "@git-session-state $e"',
    '  n=0',
    '  while [ "$n" -lt 200 ] && [ "$(t display-message -p -t "$TMUX_PANE" "#{pid} #{pane_dead}")" = "$p 0" ]; do',
    '    sleep 0.05 || sleep 1',
    '    n=$((n+1))',
    '  done',
    '  t run-shell true',
    ...(file === null
      ? []
      : [
          `  f=${file}`,
          `  t display-message -p -t "$TMUX_PANE" "#{pid} ${HAS_DEAD_LINE}" ";" capture-pane -p -J -S - -t "$TMUX_PANE" >"$d/history" &&`,
          // The directory may be one where others plant links: nothing is written, or moved, through one.
          '    rm -f -- "$f.new" &&',
          String.raw`    (set -C; awk -v p="$p" '${LAST_LINES}' "$d/history" >"$f.new") &&`,
          '    [ ! -d "$f" ] && mv -f -- "$f.new" "$f"',
          '  rm -f -- "$d/history" "$f.new"',
        ]),
    ...DEATH_NOTE,
    ...(cleanUp ? ['  if [ "$r" -eq 0 ]; then q kill-pane; fi'] : []),
    '} </dev/null >/dev/null 2>&1 &',
  ];
}
