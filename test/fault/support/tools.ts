/** What of Linux a test may use on this machine, and why not where it may not. */
import { spawnSync } from 'node:child_process';

function trouble(command: string, args: readonly string[]): string | undefined {
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (error !== undefined) return `${command} is not installed`;
  return status === 0 ? undefined : `${command} may not be used here: ${stderr.trim().split('\n').at(-1) ?? ''}`;
}

/** Why strace cannot change what system calls return; undefined where it can. */
export const straceTrouble = (): string | undefined =>
  trouble('strace', ['-f', '-qq', '-e', 'trace=fsync', '-e', 'inject=fsync:error=EIO', 'true']);

export const prlimitTrouble = (): string | undefined => trouble('prlimit', ['--fsize=1000000', 'true']);

/** A small disk of memory at `folder`; undefined, or why it could not be mounted. */
export const mountTmpfs = (folder: string, kib: number): string | undefined =>
  trouble('mount', ['-t', 'tmpfs', '-o', `size=${String(kib)}k`, 'tmpfs', folder]);

export const unmount = (folder: string): void => {
  spawnSync('umount', [folder]);
};
