import { Command, Option } from 'clipanion';
import { TmuxFailedError, UsageError } from '../session/errors.ts';
import { matchSessions } from '../session/live.ts';
import { attach, requireTerminal } from '../flow/attach.ts';
import { attachRemote, parseRemote } from '../flow/attach-remote.ts';
import { attachable, bringBack, createFor, mayCreate } from '../flow/attach-session.ts';
import { type LiveView, openLive } from '../flow/live.ts';
import type { Workspace } from '../flow/workspace.ts';
import { chooseSessions } from './choose-session.ts';
import { SessionCommand } from './command.ts';

interface Target {
  id: string | null;
  name: string;
  tmuxId: string;
  made: 'created' | 'revived' | null;
}

export class AttachCommand extends SessionCommand {
  static override paths = [['attach']];
  static override usage = Command.Usage({
    description:
      'Show a session in this terminal. Inside tmux the terminal is switched. One that has ended is brought\nback, and a name that is unknown is a new session (session.autoCreateSession).',
    details:
      'git session attach [-i] [<pattern>]\n   or: git session attach [--dir=<directory>] <host>:<name>',
    examples: [
      ['By a part of its name', 'git session attach auth'],
      ['Choose from all', 'git session attach'],
      ['On another machine', 'git session attach --dir=src/api build-host:auth'],
    ],
  });

  interactive = Option.Boolean('-i,--interactive', false, { description: 'choose, also where one is meant' });
  readOnly = Option.Boolean('-r,--read-only', false, { description: 'look on: what is typed does nothing' });
  directory = Option.String('-C,--dir', {
    description: '=<directory> where the repository is on the other machine',
  });
  pattern = Option.String({ required: false });

  async execute(): Promise<number> {
    const remote = parseRemote(this.pattern ?? '');
    if (remote !== null) {
      if (this.json || this.interactive)
        throw new UsageError(`'${this.pattern}' goes with neither --json nor -i`);
      return attachRemote(remote, this.directory ?? null, this.readOnly);
    }
    if (this.directory !== undefined) throw new UsageError('--dir is for <host>:<name>');
    const { ws, world } = await openLive();
    const terminal = await requireTerminal(ws.tmux, ['what runs can be seen without one: git session list']);
    const target = await this.target(ws, await attachable(ws, world));
    const status = await attach(ws.tmux, target.tmuxId, 0, {
      terminal,
      readOnly: this.readOnly,
      json: this.json,
    });
    if (this.json && status !== 0) throw new TmuxFailedError('tmux did not attach');
    if (this.json) {
      const { id, name, tmuxId, made } = target;
      this.printJson({ ok: true, id, name, tmux_id: tmuxId, made });
    }
    return status;
  }

  private async target(ws: Workspace, views: LiveView[]): Promise<Target> {
    const pattern = this.pattern ?? null;
    const unknown = pattern !== null && matchSessions(views, pattern).length === 0;
    if (unknown && !this.interactive && mayCreate(ws, pattern)) {
      const { tmuxId, id } = await createFor(pattern);
      this.note(`Made a new session '${pattern}'`);
      return { id, name: pattern, tmuxId, made: 'created' };
    }
    const choice = {
      verb: 'attach',
      pattern,
      interactive: this.interactive,
      multiple: false,
      json: this.json,
    };
    const [view] = await chooseSessions(ws, views, choice);
    if (view.tmuxId !== null) return { id: view.id, name: view.name, tmuxId: view.tmuxId, made: null };
    const { tmuxId, notes } = await bringBack(ws, view);
    for (const note of notes) this.note(note);
    return { id: view.id, name: view.name, tmuxId, made: 'revived' };
  }
}
