import { randomBytes } from 'node:crypto';
import { NotRunningError, UsageError } from '../session/errors.ts';
import { isKeyName } from '../session/key-names.ts';
import { quote } from '../tmux/syntax.ts';
import { tmuxFailure } from '../tmux/tmux.ts';
import { type PaneRow, runAll } from '../tmux/windows.ts';
import { findPane, type Opened } from './window.ts';

/** `text` is typed; `paste` comes as one piece, lines and all; `keys` are pressed one by one. */
export type Sent = { text: string } | { paste: string } | { keys: readonly string[] };

export interface SendOptions {
  /** `1.0`, `%3`; null for the active one. */
  pane: string | null;
  /** Press Enter behind it. */
  enter: boolean;
}

export async function send(opened: Opened, what: Sent, { pane, enter }: SendOptions): Promise<PaneRow> {
  check(what);
  const target = findPane(opened, pane);
  if (target.dead) {
    throw new NotRunningError(`the command in pane ${target.id} of '${opened.view.name}' has ended`);
  }
  const at = `-t ${quote(target.id)}`;
  // In copy mode keys would be commands to tmux.
  const commands = [`copy-mode -q ${at}`];
  if ('paste' in what) return pasteInto(opened, target, what.paste, enter);
  if ('keys' in what) commands.push(`send-keys ${at} -- ${what.keys.map((key) => quote(key)).join(' ')}`);
  else if (what.text !== '') commands.push(`send-keys -l ${at} -- ${quote(what.text)}`);
  if (enter) commands.push(`send-keys ${at} Enter`);
  await runAll(opened.ws.tmux, commands);
  return target;
}

function check(what: Sent): void {
  if ('keys' in what) {
    const unknown = what.keys.find((key) => !isKeyName(key));
    if (unknown === undefined) return;
    throw new UsageError(`'${unknown}' is no name of a key`, [
      'for example: C-c Enter Escape Up F5 M-x',
      'for text, leave --keys out',
    ]);
  }
  if ('text' in what && /\p{Cc}/u.test(what.text)) {
    throw new UsageError('the text has control characters, which would be commands', [
      'lines and tabs: git session send --paste <session> <text>',
      'keys: git session send --keys <session> C-c',
    ]);
  }
  // Escape could end the paste, and what follows would be typed.
  if ('paste' in what && /[^\P{Cc}\t\n\r]/u.test(what.paste)) {
    throw new UsageError('the text has control characters other than lines and tabs', [
      'keys: git session send --keys <session> C-c',
    ]);
  }
}

/** A buffer that nobody else uses, and that goes with the paste. Programs that know of pastes are told that it is one. */
async function pasteInto({ ws }: Opened, target: PaneRow, text: string, enter: boolean): Promise<PaneRow> {
  const buffer = `git-session-${randomBytes(6).toString('hex')}`;
  const args = ['load-buffer', '-b', buffer, '-', ';', 'copy-mode', '-q', '-t', target.id, ';'];
  args.push('paste-buffer', '-p', '-d', '-b', buffer, '-t', target.id);
  if (enter) args.push(';', 'send-keys', '-t', target.id, 'Enter');
  const result = await ws.tmux.run(args, text);
  if (result.code !== 0 || result.stderr !== '') throw tmuxFailure(result.stderr);
  return target;
}
