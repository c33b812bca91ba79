/** Between the page and the station: every question is checked for its sender, its name and its size. */
import { ipcMain, type BrowserWindow, type IpcMainInvokeEvent } from 'electron';
import { EventMessage, Request } from '../contract/messages.ts';
import type { Log } from '../lib/base/log.ts';
import { failed, type Result } from '../lib/base/result.ts';
import { callChannel, eventChannel } from './channels.ts';
import { shellFault } from './faults.ts';
import { fitsBorder, messageBytes } from './message-size.ts';
import { pageUrl } from './page.ts';
import type { StationHost } from './station-host.ts';

export function bridgeWindow(window: BrowserWindow, station: StationHost, log: Log): void {
  ipcMain.handle(callChannel, async (event, name: unknown, payload: unknown): Promise<Result<unknown>> => {
    if (!isOurPage(event, window)) {
      log.error('stranger-asked', { frame: event.senderFrame?.url.slice(0, 200) });
      return failed(shellFault('call-refused'));
    }
    const request = Request.safeParse({ kind: 'request', id: 0, name, payload });
    if (!request.success) {
      log.warn('call-refused', { name: typeof name === 'string' ? name.slice(0, 80) : typeof name });
      return failed(shellFault('call-refused'));
    }
    if (!fitsBorder(payload)) return failed(shellFault('call-too-large', { bytes: messageBytes(payload) ?? 0 }));
    return station.ask(request.data.name, payload);
  });
  station.listen((message) => {
    const event = EventMessage.safeParse(message);
    if (!event.success) {
      log.warn('event-dropped', { reason: event.error.issues[0]?.code });
      return;
    }
    if (!window.isDestroyed()) window.webContents.send(eventChannel, event.data);
  });
}

/** The one frame we made, at the one address we gave it: not a frame inside it, not a page it went to. */
function isOurPage(event: IpcMainInvokeEvent, window: BrowserWindow): boolean {
  const frame = event.senderFrame;
  if (frame === null || window.isDestroyed()) return false;
  return frame === window.webContents.mainFrame && frame.url.split(/[?#]/)[0] === pageUrl;
}
