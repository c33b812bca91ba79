interface Log {
  warn(event: string, fields: Record<string, string>): void;
}

export function reject(log: Log, connectionString: string): void {
  log.warn('rejected', { connectionString });
}
