import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { FileProblemError } from '../session/errors.ts';
import { ConfigSchema } from '../session/event-schema.ts';
import { isSessionId } from '../session/live.ts';
import { isSessionName } from '../session/names.ts';
import type { SessionHeader } from '../session/persisted.ts';

const HeaderSchema = v.object({
  version: v.literal(1),
  id: v.string(),
  name: v.pipe(v.string(), v.check(isSessionName)),
  config: v.nullable(ConfigSchema),
  createdAt: v.nullable(v.string()),
});

/**
 * What is known of sessions that a program drives without tmux, before their first event:
 * `<common directory>/git-session/sessions/<id>.json`, written once.
 */
export class Headers {
  private readonly directory: string;

  constructor({ commonDir }: { commonDir: string }) {
    this.directory = path.join(commonDir, 'git-session', 'sessions');
  }

  file(id: string): string {
    return path.join(this.directory, `${id}.json`);
  }

  /** Whole or not at all. False where there is one of that id. */
  create(header: SessionHeader): boolean {
    const { id, name, config, createdAt } = header;
    const draft = `${this.file(id)}.${process.pid}.tmp`;
    try {
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      writeFileSync(draft, `${JSON.stringify({ version: 1, id, name, config, createdAt })}\n`, {
        mode: 0o600,
      });
      linkSync(draft, this.file(id));
      return true;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') return false;
      throw new FileProblemError(`cannot write the session's file: ${message}`);
    } finally {
      rmSync(draft, { force: true });
    }
  }

  /** Null where there is none, or none that can be read. */
  read(id: string): SessionHeader | null {
    if (!isSessionId(id)) return null;
    let value: unknown;
    try {
      value = JSON.parse(readFileSync(this.file(id), 'utf8'));
    } catch {
      return null;
    }
    const parsed = v.safeParse(HeaderSchema, value);
    if (!parsed.success || parsed.output.id !== id) return null;
    const { name, config, createdAt } = parsed.output;
    return { id, name, config, createdAt };
  }

  ids(): string[] {
    try {
      return readdirSync(this.directory).flatMap((file) => {
        const id = file.replace(/\.json$/u, '');
        return id !== file && isSessionId(id) ? [id] : [];
      });
    } catch {
      return [];
    }
  }

  list(): SessionHeader[] {
    return this.ids().flatMap((id) => this.read(id) ?? []);
  }

  remove(id: string): void {
    rmSync(this.file(id), { force: true });
  }
}
