/** One shell per data folder: two stations over one database would each show half of the truth. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { app, BrowserWindow } from 'electron';

/** False where another shell has this folder open; that one is brought to the front. */
export function claimDataFolder(dataFolder: string): boolean {
  const own = join(dataFolder, 'window');
  // What a station keeps is for its own user alone.
  mkdirSync(own, { recursive: true, mode: 0o700 });
  // Chromium's lock, its storage and its caches all follow this path.
  app.setPath('userData', own);
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return false;
  }
  app.on('second-instance', () => {
    const [window] = BrowserWindow.getAllWindows();
    if (window === undefined) return;
    if (window.isMinimized()) window.restore();
    window.focus();
  });
  return true;
}
