/** The door of lib/link. */
export { createLinkClient } from './client.ts';
export { serveLink } from './server.ts';
export { certificatesHash, settingsHash } from './messages.ts';
export type * from './types.ts';
