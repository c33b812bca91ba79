/** Packets and frames made by others, and our own from docs/bench-link.md section 8: hexadecimal and text. */

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

/**
 * What Apache's mcumgr client and a Mynewt device said to each other on a serial line, as its debug log shows it:
 * apache/mynewt-mcumgr (Apache-2.0), protocol.md, "taskstats" and "image list". SMP version 1, indefinite maps.
 */
export const mynewtFrames = {
  taskstatsRequest: { frame: '\x06\tAAoAAAAAAAAAAiBC', packet: '0000000000000002' },
  imageListRequest: { frame: '\x06\tAAoAAAAAAAEAADcw', packet: '0000000000010000' },
  taskstatsReply: {
    frames: [
      '\x06\tAZwBAQGSAAAAAr9icmMAZXRhc2tzv2RpZGxlv2RwcmlvGP9jdGlkAGVzdGF0ZQFmc3RrdXNlGBlmc3Rrc2l6GEBmY3N3Y250GgAUfmpncnVudGltZRoAE5xPbGxhc3Rf',
      '\x04\x14Y2hlY2tpbgBsbmV4dF9jaGVja2luAP9mYmxlX2xsv2RwcmlvAGN0aWQBZXN0YXRlAmZzdGt1c2UYOmZzdGtzaXoYUGZjc3djbnQZ6pxncnVudGltZRkJRWxsYXN0X2No',
      '\x04\x14ZWNraW4AbG5leHRfY2hlY2tpbgD/bmJsZXVhcnRfYnJpZGdlv2RwcmlvBWN0aWQCZXN0YXRlAWZzdGt1c2UYH2ZzdGtzaXoZAQBmY3N3Y250GgATqYNncnVudGltZQBs',
      '\x04\x14bGFzdF9jaGVja2luAGxuZXh0X2NoZWNraW4A/2dibGVwcnBov2RwcmlvAWN0aWQDZXN0YXRlAWZzdGt1c2UY02ZzdGtzaXoZAVBmY3N3Y250GQqDZ3J1bnRpbWUEbGxh',
      '\x04\x14c3RfY2hlY2tpbgBsbmV4dF9jaGVja2luAP///8UX',
    ],
    start: '0101019200000002bf62726300657461736b73bf6469646c65bf',
    bytes: 410,
  },
  imageListReply: {
    frames: [
      '\x06\tAIUBAQB7AAEAAL9maW1hZ2Vzn79kc2xvdABndmVyc2lvbmUwLjMuMGRoYXNoWCDSTLMFE1QXK7UQn5y0rnhh2W1q/fxG20gs6y00qKeO0Ghib290YWJsZfVncGVuZGlu',
      '\x04\x14Z/RpY29uZmlybWVk9WZhY3RpdmX1//9rc3BsaXRTdGF0dXMA/1Nt',
    ],
    start: '0101007b00010000bf66696d616765739fbf',
    bytes: 131,
  },
} as const;

/** docs/bench-link.md section 8. */
export const ourVectors = {
  echoPacket: '0a00000600000100a16164626869',
  echoFrame: '\x06\tABAKAAAGAAABAKFhZGJoaaWv\n',
  requestId: { text: 'run-1/key', wire: '6db1763f8939817ce5e99fb5f544cf62' },
  keyParcel: 'd5d36a7809a0a96a7bc58e2a36ac9019f72b516156f52c4dce7f18183c2bfda5a163616c676470323536',
  sendPacket:
    '0a00004c00400201a56164582ad5d36a7809a0a96a7bc58e2a36ac9019f72b516156f52c4dce7f18183c2bfda5a163616c676470323536616b01616c182a616f006172506db1763f8939817ce5e99fb5f544cf62',
  runningPacket: '0b00000800400201a2616f182a617301',
  donePacket:
    '0b00005500400201a46164584521b6b6b876fcc37d17538393db2c81bc3bbd3d4b73b247b5eabbf7f0f92ff191a161765820c614267a654ae2562f0f9d88e41c2fd4d65de06e6dc0a9dec9a4f5f1898abe4b616c1845616f182a617302',
  unknownAsk: '0800001700400302a2616f006172506db1763f8939817ce5e99fb5f544cf62',
  unknownPacket: '0900001200400302a163657272a2627263066567726f75701840',
  settings: {
    value: { registrationId: 'unit-1', idScope: '0ne00000001', endpoint: 'dps.test:443' },
    content:
      'a36372656766756e69742d3164686f73746c6470732e746573743a3434336573636f70656b306e653030303030303031',
    sha256: 'bf947e96dd7415959c74b49e2355c1b86e4fa1af92dbe3a81bec5c11375fcde8',
  },
  finish: {
    chain: '3003020105',
    retire: 'a161635820417c7763c4e320a6b747b3cb0c6d22f93741b29a32b48594b8eb4c144fe6d729',
    lockStart: 'a261635820417c7763c4e320a6b747b3cb0c6d22f93741b29a32b48594b8eb4c144fe6d72961735820',
    locked: '8aa7e57e343d5f5bdef215636688ad6911c48365f060127ab42243471948a49a',
    lockedWithout: '8821efc5449a70f289e0ff05a29b8275924da791f9e5d5beacceff98d74b5e17',
    info: 'a861760162667763322e3063616c67816470323536636174748164783530396366696e8266726574697265646c6f636b6463726564f5646c6f636bf5656d6f64656c65426f617264',
  },
  failedResult: 'a26163666e6f2d727361616d6f6f6e6c7920502d3235362068657265',
} as const;
