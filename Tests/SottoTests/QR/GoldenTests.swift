import Testing
import sotto

/// Every module of symbols that another encoder has drawn: `golden.py` says which, and how their fingerprints are made.
/// A reader would correct a wrong module here and there, and say nothing.
@Suite struct GoldenTests {
  /// For versions 1...40, of bytes and of letters.
  private static let fingerprints: [(bytes: UInt64, letters: UInt64)] = [
    (0xffc1_ad68_0721_7cff, 0x4613_f7e1_b473_7e57),
    (0x584e_2edd_80c7_dec7, 0x2cf1_7608_57b8_74c1),
    (0xc431_0a6b_fb4c_8c85, 0x3d1d_81c5_72b6_dfcd),
    (0xe271_095d_a14b_7f75, 0x698c_872d_3a1e_6d51),
    (0xd5cf_2095_821b_a9c3, 0xa2bb_ce18_5f2f_39ad),
    (0xf606_421a_7454_2cb9, 0x96c7_1c95_5953_832d),
    (0xf116_0cbc_467d_7e46, 0x6315_c8b4_98b1_646c),
    (0x0762_54d9_d444_f701, 0x3022_c798_7c00_ba39),
    (0xf81b_49b3_1c79_e2a9, 0xe295_e253_df5a_edeb),
    (0x4d59_659b_9bf4_b9ef, 0xb653_9f79_df1a_2c1f),
    (0x6b6a_f654_7418_3f5b, 0x26d3_d46d_b91c_a333),
    (0xfbce_e4dc_5f19_2238, 0x29a1_ce36_31c1_e356),
    (0x9089_8d5c_2d0d_3291, 0x0447_ee3a_5187_bd5b),
    (0x7d00_4022_5e2f_05cd, 0xa224_669d_d9eb_44bd),
    (0x5021_8756_8e4e_6792, 0xb1ca_f2b4_5b4c_53b2),
    (0xf2e8_8130_3e61_c5a2, 0x748d_f3f3_53e5_bb9c),
    (0x23e9_eb72_b4e9_f32a, 0xc42e_f08a_df57_8542),
    (0xf5e1_8a51_9485_5f0c, 0xb281_b012_96dd_6c9e),
    (0x8805_b187_09a0_faad, 0xd06a_82ad_1c61_3123),
    (0x42d0_1331_9f8e_f372, 0x3aa2_064f_f76b_67da),
    (0xce07_ba6a_0a42_a8ec, 0x6b19_addb_12de_7022),
    (0x405c_3a38_db95_400b, 0x8786_abef_b331_1171),
    (0x9813_5a09_818e_3b46, 0x95ba_303c_be0e_88c2),
    (0x4265_448d_a3c2_a971, 0xef5f_66e9_2bb1_f0f7),
    (0x2d57_4485_b157_0516, 0x24e1_b48e_9f7b_a30e),
    (0xeb48_9e34_20d6_d341, 0x619b_3ac2_5095_af7f),
    (0x3c3a_a5de_2a7e_f645, 0xd779_f1e4_f7fc_319d),
    (0xcac4_8ae8_8544_2440, 0x88ec_9939_89d2_9882),
    (0x14ed_9a98_3553_9b7d, 0xd728_b780_8368_6dbf),
    (0x4db1_f7d5_254b_1ad2, 0xcfc3_fa21_1c23_aa22),
    (0xb31e_39ba_c34f_3012, 0x6c0f_32d1_aed8_50d0),
    (0x143f_8bb4_b952_3b71, 0x2a54_301f_61ce_76f5),
    (0x2ad3_70e2_1d42_8a55, 0xec67_b346_d931_697b),
    (0xab96_15ca_bcca_9839, 0xd586_0803_25ce_6323),
    (0x1998_8b17_ecb9_8117, 0xe439_9a91_5437_e20d),
    (0x3f20_bd4b_2939_443e, 0xd8e0_f746_bb8b_931a),
    (0x9776_dc57_f37a_c4a0, 0x1172_5c7d_f9e5_96fc),
    (0x2463_7bb1_80c3_b6ba, 0x43cb_8b5c_90f1_0ade),
    (0x5fb0_f5d8_8904_4cd6, 0x0f74_ccdd_e63e_7b62),
    (0x2b74_965b_be34_5843, 0xf17f_2010_4875_b1b5),
  ]

  @Test func `Symbols are another encoder's to the last module`() {
    for (version, golden) in zip(QRVersion.all, Self.fingerprints) {
      let level = QRCode.Correction.allCases[version.number % 4]
      let mask = version.number / 4 % 8
      #expect(Self.fingerprint(version, level, mask, Texts.longestBytes(version, level)) == golden.bytes)
      #expect(Self.fingerprint(version, level, mask, Texts.longestLetters(version, level)) == golden.letters)
    }
  }

  private static func fingerprint(
    _ version: QRVersion, _ correction: QRCode.Correction, _ mask: Int, _ text: String
  ) -> UInt64 {
    let data = QRSegment(text).codewords(count: version.dataCodewords(correction), in: version)
    let symbol = QRSymbol(version, version.codewords(data, correction)).masked(correction, mask: mask)
    var value: UInt64 = 0xcbf2_9ce4_8422_2325
    for row in 0..<symbol.size {
      for column in 0..<symbol.size { value = (value ^ (symbol[row, column] ? 1 : 0)) &* 0x100_0000_01b3 }
    }
    return value
  }
}

/// Texts that are the same every time, with nothing regular in them.
enum Texts {
  /// Fills a symbol, so that no codeword is padding.
  static func longestBytes(_ version: QRVersion, _ correction: QRCode.Correction) -> String {
    let bits = 8 * version.dataCodewords(correction) - 4 - (version.number < 10 ? 8 : 16)
    return text("abcdefghijklmnopqrstuvwxyz234567@:.", count: bits / 8)
  }

  static func longestLetters(_ version: QRVersion, _ correction: QRCode.Correction) -> String {
    let bits = 8 * version.dataCodewords(correction) - 4 - (version.number < 10 ? 9 : version.number < 27 ? 11 : 13)
    return text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", count: bits / 11 * 2 + (bits % 11 >= 6 ? 1 : 0))
  }

  static func text(_ alphabet: String, count: Int) -> String {
    let characters = Array(alphabet)
    var state: UInt32 = 18_004
    return String(
      (0..<count).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return characters[Int(state >> 16) % characters.count]
      })
  }
}
