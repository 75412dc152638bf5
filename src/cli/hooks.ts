import { Command, Option } from 'clipanion';
import { AGENT_TITLES, AGENTS } from '../session/agent.ts';
import { type AgentHooks, agentHooks } from '../session/agent-hooks.ts';
import { UnknownRefError, UsageError } from '../session/errors.ts';
import { SessionCommand } from './command.ts';
import { printText } from './output.ts';

export class HooksCommand extends SessionCommand {
  static override paths = [['hooks']];
  static override usage = Command.Usage({
    description:
      'Print what makes a coding agent tell tmux its conversation, and whether it is working, waiting or idle.',
    details: 'git session hooks [print [<agent>]]',
    examples: [
      ['Which agents there are', 'git session hooks print'],
      ['What to put into the settings of Claude Code', 'git session hooks print claude'],
    ],
  });

  verb = Option.String({ required: false });
  agent = Option.String({ required: false });

  execute(): Promise<number> {
    if (this.verb !== undefined && this.verb !== 'print') {
      throw new UsageError(`unknown arguments after 'hooks'`, ['see: git session hooks -h']);
    }
    if (this.agent === undefined) this.list();
    else this.print(this.agent);
    return Promise.resolve(0);
  }

  private list(): void {
    const all = AGENTS.map((name) => ({ name, hooks: agentHooks(name) }));
    if (this.json) {
      this.printJson({
        ok: true,
        agents: all.map(({ name, hooks }) => ({ name, file: hooks?.file ?? null })),
      });
      return;
    }
    for (const { name, hooks } of all) {
      this.out(`${name.padEnd(10)}${AGENT_TITLES[name].padEnd(13)}${hooks?.file ?? '(has no hooks)'}`);
    }
  }

  private print(wanted: string): void {
    const name = AGENTS.find((a) => a === wanted);
    const known = ['those that are known: git session hooks print'];
    if (name === undefined) throw new UnknownRefError(`no agent '${wanted}' is known`, known);
    const hooks = agentHooks(name);
    if (hooks === null) {
      throw new UnknownRefError(`${AGENT_TITLES[name]} has no hooks`, [
        'its conversation is found without one: by --chat-history-file, or the file in the repository',
      ]);
    }
    if (this.json) this.printJson({ ok: true, ...hooks });
    else this.show(hooks);
  }

  private show({ file, content, merge, notes }: AgentHooks): void {
    printText(content);
    this.note(merge ? `put this into ${file}, beside what is there` : `write this to ${file}`);
    for (const note of notes) this.note(note);
  }
}
