import type { Workspace } from './workspace.ts';

/** What is wrong. The codes are stable: docs/json.md lists them. */
export interface Finding {
  code: string;
  /** Name of the session, or the ref or the file where there is none. */
  subject: string;
  message: string;
  /** What to type. */
  hints: string[];
  /** What `--repair` has done about it; null where it has done nothing. */
  repaired: string | null;
}

/** What all checks work with. */
export interface Fsck {
  ws: Workspace;
  repair: boolean;
  /** Takes a finding; gives it back, for what a repair has to say. */
  found: (code: string, subject: string, message: string, hints?: string[]) => Finding;
  /** Where a repair puts what it takes away. Made when something is put there. */
  kept: string;
  /** Whether a session, by name or id, is asked for. */
  wanted: (name: string | null, id: string | null) => boolean;
}
