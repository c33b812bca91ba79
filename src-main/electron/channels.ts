/** The two channels between the page and the shell. */
export const callChannel = 'station:call';
export const eventChannel = 'station:event';
