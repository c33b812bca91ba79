/** The page's own scheme: files of the built renderer, each with the policy that keeps everything else out. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { protocol } from 'electron';
import { pageFile } from './page-file.ts';

const scheme = 'app';
export const pageOrigin = `${scheme}://benchline`;
export const pageUrl = `${pageOrigin}/index.html`;

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' data:",
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const kinds: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};

/** To be called before Electron is ready. */
export function registerPageScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme, privileges: { standard: true, secure: true } }]);
}

export function servePage(folder: string): void {
  protocol.handle(scheme, async (request) => {
    const file = request.method === 'GET' ? pageFile(folder, pageOrigin, request.url) : undefined;
    const kind = file === undefined ? undefined : kinds[extname(file)];
    if (file === undefined || kind === undefined) return new Response(undefined, { status: 404 });
    try {
      return new Response(await readFile(file), {
        headers: {
          'content-type': kind,
          'content-security-policy': policy,
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
        },
      });
    } catch {
      return new Response(undefined, { status: 404 });
    }
  });
}
