import { Command } from 'clipanion';
import { doctor } from '../flow/doctor.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class DoctorCommand extends SessionCommand {
  static override paths = [['doctor']];
  static override usage = Command.Usage({
    description: 'Check tmux, git, node, the configuration and the repository; changes nothing.',
    details: 'git session doctor',
  });

  async execute(): Promise<number> {
    const checks = await doctor();
    const bad = checks.some((c) => c.status === 'problem');
    if (this.json) this.printJson({ ok: !bad, checks });
    else {
      for (const c of checks) {
        this.out(`${c.status.padEnd(7)}  ${safe(c.message)}`);
        for (const hint of c.hints) this.out(`           ${safe(hint)}`);
      }
    }
    return bad ? 1 : 0;
  }
}
