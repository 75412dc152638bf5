import { closeSync, openSync, readSync, statSync } from 'node:fs';

/** The file of a pack that says which objects are in it. Only the form that git has written since 2007 is read. */
export class PackIndex {
  private readonly fd: number;
  private readonly width: number;
  private readonly fanout: Buffer;

  /** `width`: bytes of an object id. Throws where it is no such file. */
  constructor(file: string, width: number) {
    this.fd = openSync(file, 'r');
    this.width = width;
    try {
      const head = this.read(0, 8 + 1024);
      if (head.readUInt32BE(0) !== 0xff744f63 || head.readUInt32BE(4) !== 2) {
        throw new Error(`an index of a pack has an unknown form: ${file}`);
      }
      this.fanout = head.subarray(8);
      if (statSync(file).size < 1032 + this.count * (width + 8)) throw new Error(`${file} is cut off`);
    } catch (error) {
      closeSync(this.fd);
      throw error;
    }
  }

  get count(): number {
    return this.fanout.readUInt32BE(1020);
  }

  /** Whether any of these ids is in it. */
  hasAny(oids: Iterable<string>): boolean {
    for (const oid of oids) if (this.has(oid)) return true;
    return false;
  }

  has(oid: string): boolean {
    const first = Number.parseInt(oid.slice(0, 2), 16);
    let low = first === 0 ? 0 : this.fanout.readUInt32BE((first - 1) * 4);
    let high = this.fanout.readUInt32BE(first * 4);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = this.idAt(middle);
      if (there === oid) return true;
      if (there < oid) low = middle + 1;
      else high = middle;
    }
    return false;
  }

  /** All ids, in order, in pieces. */
  *ids(): Generator<string> {
    const step = 4096;
    for (let at = 0; at < this.count; at += step) {
      const n = Math.min(step, this.count - at);
      const hex = this.read(1032 + at * this.width, n * this.width).toString('hex');
      for (let i = 0; i < n; i++) yield hex.slice(i * this.width * 2, (i + 1) * this.width * 2);
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  private idAt(n: number): string {
    return this.read(1032 + n * this.width, this.width).toString('hex');
  }

  private read(at: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    let done = 0;
    while (done < length) {
      const n = readSync(this.fd, bytes, done, length - done, at + done);
      if (n === 0) throw new Error('an index of a pack is cut off');
      done += n;
    }
    return bytes;
  }
}
