/** A display of our own for each run, so that nobody's windows meet. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Display {
  readonly name: string;
  close(): Promise<void>;
}

export async function openDisplay(size = '1920x1080'): Promise<Display> {
  // The server picks a free number and writes it to descriptor 3.
  const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', `${size}x24`, '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const failed = once(server, 'error').then(([error]) => {
    throw new Error('Xvfb could not be started; run `npm run setup`', { cause: error });
  });
  const lines = createInterface({ input: server.stdio[3] as NodeJS.ReadableStream });
  const [number] = (await Promise.race([once(lines, 'line'), failed])) as [string];
  lines.close();
  return {
    name: `:${number.trim()}`,
    async close() {
      const ended = once(server, 'exit');
      server.kill();
      await ended;
    },
  };
}
