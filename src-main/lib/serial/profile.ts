/** How one adapter is opened. */

export interface PortProfile {
  readonly path: string;
  /** 115,200 unless told. */
  readonly baudRate?: number;
  readonly rtscts?: boolean;
  /** Drop DTR and RTS when the port is closed; boards that reset on it want false. */
  readonly hangUpOnClose?: boolean;
  /** Levels set after opening; absent: as the driver leaves them. */
  readonly dtr?: boolean;
  readonly rts?: boolean;
  /** Asks the driver for short waits, where it knows them (Linux: ASYNC_LOW_LATENCY). */
  readonly lowLatency?: boolean;
}

export const defaultBaudRate = 115_200;
