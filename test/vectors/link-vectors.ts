/** Packets and frames made by others, and our own from docs/bench-link.md section 7: hexadecimal and text. */

/** From the documentation of JPHutchins/smp (Apache-2.0, commit edb8a012), `smp/packet.py`: encode(b"Hello, world!"). */
export const helloFrames = {
  packet: '48656c6c6f2c20776f726c6421',
  oneLine: ['\x06\tAA9IZWxsbywgd29ybGQhet4=\n'],
  linesOfEight: [
    '\x06\tAA9I\n',
    '\x04\x14ZWxs\n',
    '\x04\x14bywg\n',
    '\x04\x14d29y\n',
    '\x04\x14bGQh\n',
    '\x04\x14et4=\n',
  ],
} as const;

/** Same source: an image upload request in lines of 15 bytes; the CRC lies across the last two lines. */
export const uploadFrames = [
  '06094148344b41414230414147610a',
  '041441615a6a6247567544574e760a',
  '04145a6d59594b6d4e7a6147464d0a',
  '041464484a3163335167625755670a',
  '0414596e4a765a475268644746590a',
  '04145141414241674d45425159480a',
  '041443416b4b4377774e446738510a',
  '041445524954464255574678675a0a',
  '04144768736348523466494345690a',
  '04144979516c4a69636f4b536f720a',
  '04144c4330754c7a41784d6a4d300a',
  '04144e5459334f446b364f7a77390a',
  '0414506a396c615731685a3255410a',
  '04145a3356775a334a685a4758300a',
  '04147134673d0a',
] as const;
export const uploadPacketStart = '0a00007400019a01a6636c656e0d636f6666182a63736861';

/** Same repository, tests/binary_regressions/records: what other SMP software sends for group 0. */
export const osPackets = [
  { name: 'echo request', hex: '0a00001000008b00a161646c48656c6c6f20776f726c6421', op: 2, sequence: 139, command: 0 },
  { name: 'echo reply', hex: '0b00000700008c00a1617263486921', op: 3, sequence: 140, command: 0 },
  { name: 'parameters request', hex: '0800000100009706a0', op: 0, sequence: 151, command: 6 },
  {
    name: 'parameters reply',
    hex: '0900001600009806a2686275665f73697a6501696275665f636f756e7402',
    op: 1,
    sequence: 152,
    command: 6,
  },
] as const;

/** zcbor, as Zephyr builds it by default, closes its maps with a break: {"r": "hi"} as BF .. FF. */
export const indefiniteEchoBody = 'bf617262686 9ff'.replace(' ', '');
