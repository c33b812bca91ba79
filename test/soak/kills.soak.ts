/** The real service and hub programs, killed at chosen points while 10,000 devices register. */
import { killStorm } from '../flows/support/kill-storm.ts';
import type { Soak } from './runner.ts';

export const kills: Soak = {
  name: 'kills',
  about: 'SIGKILL to service and hubs while devices register: nothing confirmed is lost, nothing is assigned twice',
  async run({ seed, scale, say }) {
    const devices = Math.max(100, Math.round(10_000 * scale));
    const report = await killStorm({ devices, serviceKills: 20, hubKills: 8, seed, say });
    if (report.broken.length > 0) throw new Error(report.broken.join('\n'));
    const note = `${report.kills} kills, ${report.lostConnections} connections lost, ${report.accepted} accepted`;
    return [{ name: 'registrations', count: devices, note }];
  },
};
