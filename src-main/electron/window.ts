/** The one window: sandboxed, isolated, without Node, and unable to go anywhere but to its own page. */
import { readFile } from 'node:fs/promises';
import { app, BrowserWindow, Menu, screen, type Session } from 'electron';
import { z } from 'zod';
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import { createPageReload } from './page-reload.ts';
import { pageOrigin, pageUrl } from './page.ts';

const WindowShape = z.strictObject({
  title: z.string().min(1).max(60),
  width: z.int().min(640).max(7_680),
  height: z.int().min(480).max(4_320),
  minWidth: z.int().min(320).max(1_920),
  minHeight: z.int().min(320).max(1_080),
  /** Shown until the page has drawn itself. */
  background: z.string().regex(/^#[0-9a-f]{6}$/),
});
export type WindowShape = z.output<typeof WindowShape>;

/** The shape is a file of the product: one that does not fit the schema is a bug, and throws. */
export async function readWindowShape(file: string): Promise<WindowShape> {
  return WindowShape.parse(JSON.parse(await readFile(file, 'utf8')));
}

export interface WindowParts {
  readonly preload: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
}

export function openWindow(shape: WindowShape, parts: WindowParts): BrowserWindow {
  const { background, ...size } = shape;
  // A bench monitor may be smaller than the shape: what lies outside it, nobody can press.
  const { workAreaSize } = screen.getPrimaryDisplay();
  refuseElsewhere(parts.log);
  Menu.setApplicationMenu(null);
  const window = new BrowserWindow({
    ...size,
    width: Math.min(size.width, workAreaSize.width),
    height: Math.min(size.height, workAreaSize.height),
    backgroundColor: background,
    show: false,
    webPreferences: {
      preload: parts.preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      spellcheck: false,
      navigateOnDragDrop: false,
    },
  });
  lockSession(window.webContents.session);
  window.once('ready-to-show', () => {
    window.show();
  });
  keepPage(window, parts);
  return window;
}

/** Loads the page, and again whenever it falls: it keeps nothing of its own, and asks for everything anew. */
function keepPage(window: BrowserWindow, parts: WindowParts): void {
  const load = (): void => {
    if (window.isDestroyed()) return;
    window.loadURL(pageUrl).catch((error: unknown) => {
      parts.log.error('page-not-loaded', { reason: error instanceof Error ? error.message : 'unknown' });
    });
  };
  const reload = createPageReload(parts, load);
  window.webContents.on('render-process-gone', (_event, gone) => {
    parts.log.error('page-gone', { reason: gone.reason, code: gone.exitCode });
    if (gone.reason !== 'clean-exit') reload.fell();
  });
  window.once('closed', () => {
    reload.cancel();
  });
  load();
}

/** What any page of this process may not do, whoever made it. */
function refuseElsewhere(log: Log): void {
  app.on('web-contents-created', (_event, contents) => {
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
    contents.on('will-attach-webview', (event) => {
      event.preventDefault();
    });
    for (const event of ['will-navigate', 'will-redirect', 'will-frame-navigate'] as const) {
      contents.on(event as 'will-navigate', (details) => {
        if (details.url === pageUrl) return;
        details.preventDefault();
        log.warn('navigation-refused', { by: event });
      });
    }
  });
}

// Ids and serial numbers are copied by a click; nothing is ever read from the clipboard.
const granted: readonly string[] = ['clipboard-sanitized-write'];

function lockSession(session: Session): void {
  session.setPermissionRequestHandler((_contents, permission, answer) => {
    answer(granted.includes(permission));
  });
  session.setPermissionCheckHandler((_contents, permission) => granted.includes(permission));
  session.setDevicePermissionHandler(() => false);
  session.on('will-download', (event) => {
    event.preventDefault();
  });
  session.webRequest.onBeforeRequest((request, answer) => {
    answer({ cancel: !isOwn(request.url) });
  });
}

const isOwn = (url: string): boolean => url.startsWith(`${pageOrigin}/`) || url.startsWith('data:image/');
