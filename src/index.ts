export { decodeSnapshot, encodeSnapshot } from './session/codec.ts';
export type { Snapshot } from './session/schema.ts';
export { VERSION } from './version.ts';
