/** Line icons on a 24 grid, drawn for this window. */
export const icons = {
  bench: 'M3 8h18M5 8v11M19 8v11M8 8V5h3v3M14 12h-4v4h4z',
  batches: 'M4 7l8-4 8 4-8 4zM4 12l8 4 8-4M4 17l8 4 8-4',
  recovery: 'M4 12a8 8 0 1 0 2.500-5.800M6 3v4h4M12 8v4l3 2',
  samples: 'M12 3l2.600 5.500 6 .8-4.400 4.200 1.100 6L12 16.600 6.700 19.500l1.100-6L3.400 9.300l6-.8z',
  outbox: 'M12 14V4M8 8l4-4 4 4M4 13v6h16v-6h-4l-1.5 2.5h-5L8 13z',
  service: 'M7 18a4 4 0 0 1-.5-8A6 6 0 0 1 18 8.5a4.5 4.5 0 0 1-.5 9.5zM9 14h6',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  cross: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  plus: 'M12 5v14M5 12h14',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c1-4 4-5.5 8-5.5s7 1.5 8 5.5',
  scan: 'M4 8V5h4M16 5h4v3M20 16v3h-4M8 19H4v-3M7 9v6M10 9v6M13 9v6M17 9v6',
  wait: 'M12 7v5l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z',
  wrong: 'M12 8v5M12 16.5v.5M12 3l9.5 17h-19z',
  link: 'M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.5-5.5L12 7.500M14 10a4 4 0 0 0-6-.5l-3 3A4 4 0 0 0 10.500 18l1.500-1.500',
} as const;

export type IconName = keyof typeof icons;
