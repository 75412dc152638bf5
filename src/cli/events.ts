import { Command, Option } from 'clipanion';
import { eventDataJson, stateJson } from '../session/event-json.ts';
import type { AppliedRecord } from '../session/event-log.ts';
import { cut } from '../session/width.ts';
import { followLog } from '../flow/follow-log.ts';
import { appliedOf, readLog, type SessionLog } from '../flow/session-log.ts';
import { openWorkspace } from '../flow/workspace.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { parseCount } from './count.ts';
import { eventText } from './event-text.ts';
import { terminalWidth } from './table.ts';
import { printJsonLine } from './output.ts';

export class EventsCommand extends SessionCommand {
  static override paths = [['events']];
  static override usage = Command.Usage({
    description:
      'Print the events of a session, the oldest first: when, by which clone, what. With --follow it goes on with those\nthat come, until Ctrl-C.',
    details: 'git session events [<options>] [<session>]',
    examples: [
      ['The last ten', 'git session events -n 10 work'],
      [
        'Those that come, for a program: one JSON document on each line',
        'git session events --follow --json work',
      ],
    ],
  });

  follow = Option.Boolean('-f,--follow', false, { description: 'go on with those that come' });
  count = Option.String('-n,--max-count', {
    description: '=<number> at most so many of those that are there',
  });
  session = Option.String({ required: false });

  async execute(): Promise<number> {
    const count = parseCount(this.count);
    const { log, warnings } = await readLog(await openWorkspace(), this.session ?? null);
    for (const w of warnings) this.warn(w);
    const all = appliedOf(log);
    const records = count === null ? all : all.slice(Math.max(0, all.length - count));
    if (this.json && !this.follow) {
      this.printJson({
        ...{ ok: true, id: log.id, name: nameOf(log), state: stateJson(log.journal.state) },
        events: records.map((r) => recordJson(log, r)),
        damaged: log.journal.damaged,
      });
      return 0;
    }
    if (records.length === 0 && !this.follow) this.note('no event yet');
    this.show(log, records);
    if (this.follow) await followLog(log, (fresh) => this.show(log, fresh));
    return 0;
  }

  private show(log: SessionLog, records: readonly AppliedRecord[]): void {
    const width = terminalWidth();
    for (const r of records) {
      if (this.json) printJsonLine(recordJson(log, r));
      else this.out(width === null ? recordLine(r) : cut(recordLine(r), width));
    }
  }
}

/** What tmux calls it now, else what its refs do. */
function nameOf(log: SessionLog): string {
  return log.view?.name ?? log.name;
}

function recordJson(log: SessionLog, { clone, sequence, clock, at, event, applied }: AppliedRecord) {
  return {
    ...{ session: log.id, name: nameOf(log), clone, sequence, clock, at },
    ...{ type: event.type, data: eventDataJson(event), applied },
  };
}

/** The time is the reader's own. */
function recordLine({ clone, at, event, applied }: AppliedRecord): string {
  const day = new Date(at);
  const two = (n: number) => String(n).padStart(2, '0');
  const date = `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
  const time = [day.getHours(), day.getMinutes(), day.getSeconds()].map(two).join(':');
  const text = [event.type.padEnd(19), eventText(event), applied ? '' : '(too late: it changed nothing)'];
  return `${date} ${time}  ${safe(clone.slice(0, 8))}  ${text.filter((part) => part !== '').join(' ')}`.trimEnd();
}
