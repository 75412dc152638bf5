import { execFile } from 'node:child_process';

/**
 * One process tells all terminals: perl where there are many and it is installed (12 ms for 200), else one `stty`
 * for each (1 ms each). `$1` is stty's option for a device: -F (GNU, busybox) or -f (BSD).
 */
const SCRIPT = `
option=$1; shift
if [ $# -gt 12 ] && command -v perl >/dev/null 2>&1; then
  perl -e '
    use POSIX (); use Fcntl;
    for (@ARGV) {
      sysopen(my $f, $_, O_RDONLY | O_NONBLOCK | O_NOCTTY) or next;
      my $t = POSIX::Termios->new;
      $t->getattr(fileno $f) or next;
      print "@", $_, " ", ($t->getlflag & &POSIX::ICANON) ? "icanon" : "-icanon", "\\n";
    }' -- "$@" 2>/dev/null && exit 0
fi
for t do printf '\\n@%s ' "$t"; stty "$option" "$t" -a 2>/dev/null; done
exit 0`;

const TIMEOUT_MS = 5000;

/**
 * Whether each terminal is in canonical mode (a line at a time, as no line editor leaves it). A terminal that can't be
 * asked has no entry; so has every one where the helper fails or takes over 5 s.
 */
export async function readCanonical(ttys: readonly string[]): Promise<Map<string, boolean>> {
  const devices = ttys.filter((tty) => /^\/dev\/[\w/.-]+$/u.test(tty));
  if (devices.length === 0) return new Map();
  const option = process.platform === 'linux' ? '-F' : '-f';
  const path = process.platform === 'linux' ? (process.env['PATH'] ?? '/usr/bin:/bin') : '/usr/bin:/bin';
  const output = await new Promise<string>((resolve) => {
    execFile(
      '/bin/sh',
      ['-c', SCRIPT, 'sh', option, ...devices],
      { env: { PATH: path, LC_ALL: 'C' }, encoding: 'latin1', timeout: TIMEOUT_MS, killSignal: 'SIGKILL' },
      (_error, stdout) => resolve(stdout),
    );
  });
  return parseModes(output);
}

/** Parses `@<tty> <words>` sections, one per terminal, the words those of `stty -a`. */
export function parseModes(output: string): Map<string, boolean> {
  const modes = new Map<string, boolean>();
  for (const section of `\n${output}`.split('\n@').slice(1)) {
    const [tty = '', ...words] = section.split(/[\s;]+/u);
    if (words.includes('-icanon')) modes.set(tty, false);
    else if (words.includes('icanon')) modes.set(tty, true);
  }
  return modes;
}
