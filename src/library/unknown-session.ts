import { SessionExistsError, UnknownRefError } from '../session/errors.ts';

export function unknownSession(id: string): UnknownRefError {
  return new UnknownRefError(`no session '${id}'`, ['see which there are: git session list']);
}

export function idTaken(id: string): SessionExistsError {
  return new SessionExistsError(`there is a session '${id}' already`);
}
