import { expect, it } from 'vitest';

it('counts 0', () => {
  expect(0).toBe(0);
});
it('counts 1', () => {
  expect(1).toBe(1);
});
it('counts 2', () => {
  expect(2).toBe(2);
});
it('counts 3', () => {
  expect(3).toBe(3);
});
it('counts 4', () => {
  expect(4).toBe(4);
});
it('counts 5', () => {
  expect(5).toBe(5);
});
it('counts 6', () => {
  expect(6).toBe(6);
});
it('counts 7', () => {
  expect(7).toBe(7);
});
it('counts 8', () => {
  expect(8).toBe(8);
});
it('counts 9', () => {
  expect(9).toBe(9);
});
it('counts 10', () => {
  expect(10).toBe(10);
});
it('counts 11', () => {
  expect(11).toBe(11);
});
it('counts 12', () => {
  expect(12).toBe(12);
});
it('counts 13', () => {
  expect(13).toBe(13);
});
it('counts 14', () => {
  expect(14).toBe(14);
});
it('counts 15', () => {
  expect(15).toBe(15);
});
it('counts 16', () => {
  expect(16).toBe(16);
});
it('counts 17', () => {
  expect(17).toBe(17);
});
it('counts 18', () => {
  expect(18).toBe(18);
});
it('counts 19', () => {
  expect(19).toBe(19);
});
it('counts 20', () => {
  expect(20).toBe(20);
});
it('counts 21', () => {
  expect(21).toBe(21);
});
it('counts 22', () => {
  expect(22).toBe(22);
});
it('counts 23', () => {
  expect(23).toBe(23);
});
it('counts 24', () => {
  expect(24).toBe(24);
});
it('counts 25', () => {
  expect(25).toBe(25);
});
it('counts 26', () => {
  expect(26).toBe(26);
});
it('counts 27', () => {
  expect(27).toBe(27);
});
it('counts 28', () => {
  expect(28).toBe(28);
});
it('counts 29', () => {
  expect(29).toBe(29);
});
it('counts 30', () => {
  expect(30).toBe(30);
});
it('counts 31', () => {
  expect(31).toBe(31);
});
it('counts 32', () => {
  expect(32).toBe(32);
});
it('counts 33', () => {
  expect(33).toBe(33);
});
it('counts 34', () => {
  expect(34).toBe(34);
});
it('counts 35', () => {
  expect(35).toBe(35);
});
it('counts 36', () => {
  expect(36).toBe(36);
});
it('counts 37', () => {
  expect(37).toBe(37);
});
it('counts 38', () => {
  expect(38).toBe(38);
});
it('counts 39', () => {
  expect(39).toBe(39);
});
it('counts 40', () => {
  expect(40).toBe(40);
});
it('counts 41', () => {
  expect(41).toBe(41);
});
it('counts 42', () => {
  expect(42).toBe(42);
});
it('counts 43', () => {
  expect(43).toBe(43);
});
it('counts 44', () => {
  expect(44).toBe(44);
});
it('counts 45', () => {
  expect(45).toBe(45);
});
it('counts 46', () => {
  expect(46).toBe(46);
});
it('counts 47', () => {
  expect(47).toBe(47);
});
it('counts 48', () => {
  expect(48).toBe(48);
});
it('counts 49', () => {
  expect(49).toBe(49);
});
it('counts 50', () => {
  expect(50).toBe(50);
});
it('counts 51', () => {
  expect(51).toBe(51);
});
it('counts 52', () => {
  expect(52).toBe(52);
});
it('counts 53', () => {
  expect(53).toBe(53);
});
it('counts 54', () => {
  expect(54).toBe(54);
});
it('counts 55', () => {
  expect(55).toBe(55);
});
it('counts 56', () => {
  expect(56).toBe(56);
});
it('counts 57', () => {
  expect(57).toBe(57);
});
it('counts 58', () => {
  expect(58).toBe(58);
});
it('counts 59', () => {
  expect(59).toBe(59);
});
it('counts 60', () => {
  expect(60).toBe(60);
});
it('counts 61', () => {
  expect(61).toBe(61);
});
it('counts 62', () => {
  expect(62).toBe(62);
});
it('counts 63', () => {
  expect(63).toBe(63);
});
it('counts 64', () => {
  expect(64).toBe(64);
});
it('counts 65', () => {
  expect(65).toBe(65);
});
it('counts 66', () => {
  expect(66).toBe(66);
});
it('counts 67', () => {
  expect(67).toBe(67);
});
it('counts 68', () => {
  expect(68).toBe(68);
});
it('counts 69', () => {
  expect(69).toBe(69);
});
it('counts 70', () => {
  expect(70).toBe(70);
});
it('counts 71', () => {
  expect(71).toBe(71);
});
it('counts 72', () => {
  expect(72).toBe(72);
});
it('counts 73', () => {
  expect(73).toBe(73);
});
it('counts 74', () => {
  expect(74).toBe(74);
});
it('counts 75', () => {
  expect(75).toBe(75);
});
it('counts 76', () => {
  expect(76).toBe(76);
});
it('counts 77', () => {
  expect(77).toBe(77);
});
it('counts 78', () => {
  expect(78).toBe(78);
});
it('counts 79', () => {
  expect(79).toBe(79);
});
it('counts 80', () => {
  expect(80).toBe(80);
});
it('counts 81', () => {
  expect(81).toBe(81);
});
it('counts 82', () => {
  expect(82).toBe(82);
});
it('counts 83', () => {
  expect(83).toBe(83);
});
it('counts 84', () => {
  expect(84).toBe(84);
});
it('counts 85', () => {
  expect(85).toBe(85);
});
it('counts 86', () => {
  expect(86).toBe(86);
});
it('counts 87', () => {
  expect(87).toBe(87);
});
it('counts 88', () => {
  expect(88).toBe(88);
});
it('counts 89', () => {
  expect(89).toBe(89);
});
it('counts 90', () => {
  expect(90).toBe(90);
});
it('counts 91', () => {
  expect(91).toBe(91);
});
it('counts 92', () => {
  expect(92).toBe(92);
});
it('counts 93', () => {
  expect(93).toBe(93);
});
it('counts 94', () => {
  expect(94).toBe(94);
});
it('counts 95', () => {
  expect(95).toBe(95);
});
it('counts 96', () => {
  expect(96).toBe(96);
});
it('counts 97', () => {
  expect(97).toBe(97);
});
it('counts 98', () => {
  expect(98).toBe(98);
});
it('counts 99', () => {
  expect(99).toBe(99);
});
it('counts 100', () => {
  expect(100).toBe(100);
});
it('counts 101', () => {
  expect(101).toBe(101);
});
it('counts 102', () => {
  expect(102).toBe(102);
});
it('counts 103', () => {
  expect(103).toBe(103);
});
it('counts 104', () => {
  expect(104).toBe(104);
});
it('counts 105', () => {
  expect(105).toBe(105);
});
it('counts 106', () => {
  expect(106).toBe(106);
});
it('counts 107', () => {
  expect(107).toBe(107);
});
it('counts 108', () => {
  expect(108).toBe(108);
});
it('counts 109', () => {
  expect(109).toBe(109);
});
it('counts 110', () => {
  expect(110).toBe(110);
});
it('counts 111', () => {
  expect(111).toBe(111);
});
it('counts 112', () => {
  expect(112).toBe(112);
});
it('counts 113', () => {
  expect(113).toBe(113);
});
it('counts 114', () => {
  expect(114).toBe(114);
});
it('counts 115', () => {
  expect(115).toBe(115);
});
it('counts 116', () => {
  expect(116).toBe(116);
});
it('counts 117', () => {
  expect(117).toBe(117);
});
it('counts 118', () => {
  expect(118).toBe(118);
});
it('counts 119', () => {
  expect(119).toBe(119);
});
it('counts 120', () => {
  expect(120).toBe(120);
});
it('counts 121', () => {
  expect(121).toBe(121);
});
it('counts 122', () => {
  expect(122).toBe(122);
});
it('counts 123', () => {
  expect(123).toBe(123);
});
it('counts 124', () => {
  expect(124).toBe(124);
});
it('counts 125', () => {
  expect(125).toBe(125);
});
it('counts 126', () => {
  expect(126).toBe(126);
});
it('counts 127', () => {
  expect(127).toBe(127);
});
it('counts 128', () => {
  expect(128).toBe(128);
});
it('counts 129', () => {
  expect(129).toBe(129);
});
it('counts 130', () => {
  expect(130).toBe(130);
});
it('counts 131', () => {
  expect(131).toBe(131);
});
it('counts 132', () => {
  expect(132).toBe(132);
});
it('counts 133', () => {
  expect(133).toBe(133);
});
it('counts 134', () => {
  expect(134).toBe(134);
});
it('counts 135', () => {
  expect(135).toBe(135);
});
it('counts 136', () => {
  expect(136).toBe(136);
});
it('counts 137', () => {
  expect(137).toBe(137);
});
it('counts 138', () => {
  expect(138).toBe(138);
});
it('counts 139', () => {
  expect(139).toBe(139);
});
it('counts 140', () => {
  expect(140).toBe(140);
});
it('counts 141', () => {
  expect(141).toBe(141);
});
it('counts 142', () => {
  expect(142).toBe(142);
});
it('counts 143', () => {
  expect(143).toBe(143);
});
it('counts 144', () => {
  expect(144).toBe(144);
});
it('counts 145', () => {
  expect(145).toBe(145);
});
it('counts 146', () => {
  expect(146).toBe(146);
});
it('counts 147', () => {
  expect(147).toBe(147);
});
it('counts 148', () => {
  expect(148).toBe(148);
});
it('counts 149', () => {
  expect(149).toBe(149);
});
it('counts 150', () => {
  expect(150).toBe(150);
});
it('counts 151', () => {
  expect(151).toBe(151);
});
it('counts 152', () => {
  expect(152).toBe(152);
});
it('counts 153', () => {
  expect(153).toBe(153);
});
it('counts 154', () => {
  expect(154).toBe(154);
});
it('counts 155', () => {
  expect(155).toBe(155);
});
it('counts 156', () => {
  expect(156).toBe(156);
});
it('counts 157', () => {
  expect(157).toBe(157);
});
it('counts 158', () => {
  expect(158).toBe(158);
});
it('counts 159', () => {
  expect(159).toBe(159);
});
it('counts 160', () => {
  expect(160).toBe(160);
});
it('counts 161', () => {
  expect(161).toBe(161);
});
it('counts 162', () => {
  expect(162).toBe(162);
});
it('counts 163', () => {
  expect(163).toBe(163);
});
it('counts 164', () => {
  expect(164).toBe(164);
});
it('counts 165', () => {
  expect(165).toBe(165);
});
it('counts 166', () => {
  expect(166).toBe(166);
});
