//! Constants that follow from N, in limbs of 52 bits. The test below checks each of them.

/// Number of limbs in a residue.
pub(super) const LIMBS: usize = 60;

/// c = -1/N modulo 2^416.
#[rustfmt::skip]
pub(super) const NEGATED_INVERSE: [u64; 8] = [
    0x0_0000_0000_0001, 0x2_0a93_ad2c_b000, 0x8_8abd_874b_82d1, 0xf_f961_6ca3_c911,
    0xc_ff64_bfb9_7b8f, 0x4_9294_a87e_c223, 0x4_2c82_5f7a_9e76, 0x5_f836_e7c1_0885,
];

/// (c N + 1) / 2^416, below N. With it, eight limbs are their own quotient.
#[rustfmt::skip]
pub(super) const FREE_QUOTIENT: [u64; LIMBS] = [
    0x2_823e_f360_2a53, 0x1_8a2d_e92f_63e1, 0x4_8418_d688_c26c, 0xb_419c_cc0d_a213,
    0xa_c768_79d3_788c, 0xd_9dbf_ac61_3681, 0xa_7632_6529_3712, 0xc_e173_68b2_4b96,
    0x9_1cd9_7859_958f, 0x1_f3f6_4496_c0df, 0x3_38a8_5134_6e85, 0xf_d6ac_8cd1_5323,
    0x1_4915_a068_7aff, 0x1_ca55_503a_f443, 0x5_e96f_efd4_9da3, 0xc_6198_89c2_0c07,
    0x2_1f28_fe4e_526f, 0x4_78ba_8095_5b2b, 0x3_3c57_4e85_429b, 0x5_37d0_0d15_618d,
    0x5_5ccd_3d62_e7fc, 0x7_f0d0_d8d0_77e6, 0x2_cd4b_e0ce_37c4, 0xf_2115_e00d_36ce,
    0x3_4f57_df91_ead7, 0xc_2f4c_0e55_ae48, 0x3_7ed3_d558_0f7f, 0x4_3962_8eb9_98b8,
    0xc_0d03_7dcd_2805, 0xd_4e34_5fcb_6683, 0x1_0fe4_92a5_ee41, 0x6_ab5b_99d4_66cb,
    0xe_2a40_5c96_b3dc, 0x9_9d6c_3d46_9f6f, 0x9_49cb_2be5_a9e6, 0xb_4ac7_32b1_bacd,
    0x0_d04e_17e8_6128, 0xc_f1d2_9ed8_ff5e, 0xd_c078_d61a_ce97, 0xe_16af_5c68_5fbe,
    0xe_8d40_b166_b8d4, 0x6_23bb_aba6_716e, 0x5_d6d7_2518_4c02, 0x7_453d_cf67_d717,
    0x1_8067_2da9_a4be, 0x0_fb49_9de4_a900, 0xe_7656_86c4_df1c, 0xf_3dee_6ceb_9898,
    0x7_f856_1ece_7644, 0xc_caa9_86a8_2cb8, 0xa_d5d3_256e_6366, 0x0_bf90_78e7_ab66,
    0xd_88e1_1384_783f, 0xb_ec22_856c_c408, 0x8_d366_e797_821f, 0x5_9d21_519d_c2f0,
    0x9_6ee0_9ed7_d2a6, 0x2_c6de_0282_7b1b, 0xf_836e_7c10_8854, 0x0_0000_0000_0005,
];

/// (c N + 1) / 2^1560 for c = -1/N modulo 2^1560, below N / 2.
///
/// With it, thirty limbs are their own quotient.
#[rustfmt::skip]
pub(super) const FREE_HALF: [u64; LIMBS] = [
    0xb_3ef9_d409_41ac, 0x5_df41_3c89_50bb, 0xa_0761_332b_5286, 0x5_b6c8_2c53_0325,
    0x2_8fc0_9704_3ddd, 0xf_208b_f878_48cc, 0x9_4560_fe71_2123, 0x2_db08_b913_f147,
    0x1_e9b5_9f30_e10f, 0x3_23b6_8969_27e1, 0xe_b409_a9ea_2730, 0x9_12f6_fae8_65bc,
    0xe_f054_1fec_4667, 0xe_1d4e_3fa7_0db3, 0x6_ce67_2a7e_a66c, 0xd_c043_a45a_c616,
    0x4_2c56_5d52_aeba, 0x2_805a_e9cd_a9dc, 0xa_931f_bdc3_44e0, 0xa_fb87_08fa_d922,
    0x2_2206_98f8_57ad, 0xc_a763_5798_f5dd, 0x2_1a64_a948_1d6f, 0xe_1298_80be_8719,
    0xe_36e6_14c3_7e0f, 0xe_5f72_55ce_3683, 0x5_0d98_c3f7_87db, 0x7_bb4e_a39e_3f23,
    0x3_7748_a21b_dcd5, 0xc_65d2_2bd2_4e75, 0x4_9abe_b2c0_4116, 0x5_fe28_2d1f_8b5d,
    0xc_df39_07d8_7123, 0x0_0004_03d8_bc81, 0xd_0d30_43f6_3e33, 0xd_f2b3_8db6_3f2d,
    0x7_8e11_739e_b3c8, 0x0_c768_1489_7fb1, 0x9_ed00_c980_f539, 0x8_9873_04f9_53ef,
    0xb_829e_b016_8eb7, 0x0_3e66_8096_df64, 0x1_6434_4511_9bda, 0xa_6a5b_4e72_0616,
    0x1_1208_e0bf_07ab, 0x5_e8ba_1417_192c, 0x6_9854_5294_8ddf, 0x3_8211_fcee_29a1,
    0x1_aa55_a4f3_fe07, 0x0_86ce_1fdf_1119, 0xf_7b25_0800_4383, 0xa_79c7_acb3_00a3,
    0x2_a13c_ed5d_b535, 0x7_ca7f_f1d9_18ba, 0x6_e57b_5028_956b, 0x8_76ce_7cec_b22f,
    0xf_380b_6d4c_1b3c, 0x2_18cb_d224_3cc7, 0xf_6f04_0897_dbd7, 0x0_0000_0000_0006,
];

/// R = 2^3328 modulo N: one, in the single kernel's Montgomery form.
#[rustfmt::skip]
pub(super) const SINGLE_ONE: [u64; LIMBS] = [
    0xb_0f58_8448_b611, 0xf_f2aa_5001_ca6d, 0x8_7a02_2605_f96a, 0x0_8545_1096_7d02,
    0xa_f344_0485_57ce, 0x1_a951_2236_62c8, 0x8_7a15_7f91_ef04, 0xe_9c93_0a0c_7852,
    0xb_4e96_7733_b8c2, 0x5_3101_4d69_56d0, 0xf_ed40_8663_5b20, 0x4_7211_2f84_6b5f,
    0xd_4afd_9f3b_91d4, 0xf_9003_fec1_2b6a, 0x9_ba82_5cc8_cf2b, 0x9_3325_9c8b_df5c,
    0x4_1633_bd1a_939c, 0x1_93c5_49bc_36c9, 0xc_0a8f_fefd_9c35, 0xc_c051_e90d_b424,
    0x1_6393_2f39_249e, 0x5_beec_c063_76e3, 0xe_5893_eb28_b6eb, 0xd_9cab_9383_d612,
    0x2_d0f3_8b58_fabb, 0x3_0c61_53db_88a5, 0xe_0dcf_6da7_25b2, 0x9_f3c3_7b8d_2620,
    0x4_a8f4_be15_cc8b, 0xa_7478_633a_9261, 0x5_4eaa_4c62_27bd, 0xf_da23_8318_45d8,
    0xc_08f6_3afd_c758, 0x6_ecae_5b8e_dddd, 0xe_ef2b_f32c_9779, 0xa_28c8_78f6_3c39,
    0xb_b4dc_c8fb_ef23, 0x5_b078_9ce0_af6d, 0xe_45bc_0546_0ccc, 0x0_8c47_951b_895b,
    0x6_b205_cc56_7bd1, 0x3_47df_d2e9_9507, 0xf_de2a_b067_258c, 0xc_93b2_1b8b_1263,
    0xc_5fed_5760_196e, 0xc_f5aa_c30a_ec8d, 0x6_2d83_a710_0fc5, 0x0_7961_954a_955f,
    0xd_99c0_aaed_469e, 0xe_6623_2052_cc91, 0xf_e570_4c49_747e, 0xd_4d3f_602b_5e59,
    0x3_adeb_3925_17c7, 0x1_2638_8d3d_6317, 0x0_ab97_7ea1_f94a, 0xe_eb0e_b953_2337,
    0xf_02d7_d8fc_89c1, 0x5_19c5_7956_ae51, 0x4_cfca_c5f1_872e, 0x0_0000_0000_0006,
];
/// R^2 modulo N: a product with it converts to the single kernel's Montgomery form.
#[rustfmt::skip]
pub(super) const SINGLE_SQUARED: [u64; LIMBS] = [
    0x2_f966_dc39_488f, 0x5_364a_01af_34d0, 0xe_2fa0_560e_084e, 0x3_5859_b01c_2b8c,
    0x1_8d18_ba84_8516, 0x2_e9a1_6e9a_c02c, 0x3_e738_9a1e_2705, 0x3_fd8a_5e0b_2308,
    0x6_d1bf_b374_785f, 0x9_091d_0c0d_1307, 0x2_58aa_ee31_1eeb, 0x7_64be_5899_778c,
    0xe_3f2c_ae6a_9c40, 0x3_604e_0e4f_619a, 0x9_53cb_d86a_0783, 0x9_0476_950e_1cbe,
    0xf_5031_da74_7c75, 0xe_46f1_0322_2c86, 0x3_be89_396b_4d33, 0xe_ddbc_efa9_576e,
    0xb_3ba5_df91_0603, 0xb_1303_d1c2_b023, 0x3_9a22_fd3d_cc49, 0x9_259a_9b4c_fa5b,
    0x9_8061_8161_028b, 0x6_078c_bac6_64c9, 0xd_f345_28d2_7a0a, 0x6_6c4b_34c1_2bdb,
    0x1_c75a_c7b2_d17e, 0x8_7490_105d_00b6, 0xc_badb_2420_9bd5, 0xc_2330_338e_a85f,
    0xd_200a_befd_33b0, 0x9_9cc7_ed18_cf87, 0x7_8ff4_38ae_6abe, 0x2_e728_ec60_31f4,
    0xc_9605_ff7e_6c9b, 0x5_10a0_7d9e_ef44, 0x9_b22e_c932_ce27, 0x7_36a1_38e2_96d1,
    0xd_1a02_2a59_41ba, 0x6_efee_1b09_186c, 0x7_f93e_38d9_47c2, 0x4_dd89_de5a_6ac3,
    0xb_c6b0_b81c_8652, 0xe_2291_eb1e_14c4, 0x8_e0cb_6fd9_1fa8, 0xc_0a1d_3591_f60a,
    0xb_af82_308d_96c0, 0x1_7b28_52c4_1117, 0xe_d6ea_e4e7_88e1, 0x6_8374_a7e6_eb00,
    0x4_2bdf_ba22_250c, 0x9_5282_516c_438b, 0x0_955b_9370_9a8b, 0x7_ec54_4f99_a80a,
    0xd_3402_392f_a9c5, 0x8_d235_ea7b_c148, 0x0_d8c4_b038_fb8b, 0x0_0000_0000_000b,
];

/// R = 2^3120 modulo N: one, in the Montgomery form of the kernel in lanes.
#[rustfmt::skip]
pub(super) const LANES_ONE: [u64; LIMBS] = [
    0x1_0000_0000_0000, 0x0_0000_0000_0000, 0xe_df56_c52d_3500, 0x1_f02e_f71b_47d2,
    0xa_54ce_bc24_a403, 0x1_df71_db05_f8b1, 0x8_f677_3f45_26b9, 0xe_8a88_59ea_2938,
    0x7_e884_dff3_441e, 0x3_7959_bade_0d4e, 0x7_9b27_89fd_8cc1, 0x0_ed00_5f92_675f,
    0xc_2dd9_e52d_1194, 0x1_fb5d_a9e6_2311, 0x4_f6cc_28e1_736b, 0x1_b385_40a5_1732,
    0x2_4c68_f07a_591e, 0x1_58ea_8a2f_9f38, 0xa_fba7_2410_f575, 0x2_0e34_59b1_3047,
    0xf_85cc_57aa_de54, 0xd_252c_ce8f_2fba, 0xa_8d71_a575_553b, 0xd_9e76_705f_aefe,
    0x3_156a_951a_ea2d, 0xa_7e8e_7c66_ab68, 0xd_3621_d434_096a, 0x4_a3aa_20f9_0b3a,
    0x8_7c5d_13f8_5d70, 0xd_3e7f_179f_c64d, 0x1_c931_c41c_6188, 0xd_e83c_d6fa_1b9d,
    0xb_0e8b_93f7_35e7, 0xf_3cab_1b54_367f, 0x6_f88f_6969_9298, 0xd_f7aa_d446_12ad,
    0xc_5269_e39d_0ca9, 0xa_07c9_aa2d_c235, 0x6_e9c0_5702_db30, 0xb_7c9e_3aa2_c659,
    0x7_5e9c_40fa_6725, 0x1_ba4c_23df_f834, 0x0_19b6_d799_ae13, 0x5_160d_bee8_3b4e,
    0x7_9404_a576_605a, 0x4_90bf_9481_211c, 0x9_c812_94f4_00a3, 0x8_1390_bb3b_d165,
    0xa_1b7a_4a89_9da1, 0x1_eca9_292a_e3db, 0x5_920d_a0eb_c8b0, 0x3_2c5b_ce4c_fd4f,
    0xb_fb22_106a_e64c, 0xd_daeb_5f78_671c, 0xd_f441_59c4_ec64, 0xb_1f77_5983_38bf,
    0x4_7f23_e32e_d6fd, 0x9_73dc_b3b3_99d7, 0x0_0036_f025_5dde, 0x0_0000_0000_0000,
];
/// R^2 modulo N: a product with it converts to the Montgomery form of the kernel in lanes.
#[rustfmt::skip]
pub(super) const LANES_SQUARED: [u64; LIMBS] = [
    0xf_35da_5840_647b, 0xf_8966_e217_251d, 0xb_d51f_4a31_5ff5, 0x0_fd6d_aee1_9dee,
    0xe_d1cd_8386_c3e1, 0x3_4ca6_886a_f364, 0xc_b3d9_2d1a_e985, 0x5_2975_6373_52b2,
    0x6_93b4_a608_7c29, 0x4_fb47_6a74_a7cc, 0xa_54fe_f08f_0a68, 0x0_c25c_640e_cafe,
    0xb_91bd_e7fe_d099, 0x0_3271_94e2_122c, 0x5_a2a1_efff_b24e, 0xf_76c8_e5a9_862e,
    0x7_20b8_52c2_f231, 0xd_2638_336b_a6e9, 0x0_c83e_b555_57ab, 0x0_976f_d6e5_591a,
    0x2_5e1d_3d6b_232e, 0x8_9d6c_d52b_2e6b, 0xd_832a_6705_413e, 0x3_f343_4fd0_f846,
    0x3_5e9c_e01b_6bcc, 0x0_5c7f_cd8f_99c7, 0xd_2c30_070d_df62, 0xd_2615_43be_69e6,
    0xf_e512_2dda_0259, 0x3_87db_7b95_34f9, 0x4_228d_8cff_af2d, 0xc_73cc_fc47_7987,
    0x3_2642_c70e_47d2, 0x7_37c2_3dfe_8778, 0x8_5634_3d7e_b596, 0xc_1ab3_2e20_8856,
    0x4_ca43_12fa_0dc2, 0xf_5ab7_ea5c_0365, 0x5_d4d8_79f9_5d75, 0x4_17f0_7b59_1fd3,
    0xf_2ffb_c203_2956, 0x5_67d0_3afd_476c, 0x8_bcae_bb53_ee42, 0xf_e715_aa94_04bb,
    0x5_28c2_c0a6_bbe4, 0x8_6d86_b1e3_837b, 0x6_7540_aed6_085d, 0x7_d926_04b6_c49d,
    0x2_8259_f012_8c29, 0x9_72cb_3bc9_b9cb, 0x3_e4fb_61fa_6547, 0x3_c44d_c80b_f899,
    0xa_b615_8282_df99, 0xa_2476_a21b_f4c2, 0x6_eb20_c881_7b8b, 0xe_5338_0a98_f7cc,
    0xa_2e52_533d_d329, 0xe_c3aa_1a10_513f, 0xc_909a_94c5_e74a, 0x0_0000_0000_0002,
];

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;
    use crate::group::N;

    #[test]
    fn every_constant_follows_from_n() {
        let number = |limbs: &[u64], bits| {
            limbs.iter().rev().fold(BigUint::ZERO, |high, &limb| (high << bits) + limb)
        };
        let (n, one) = (number(&N, 64), BigUint::from(1u8));
        let c = number(&NEGATED_INVERSE, 52);
        assert_eq!(&c * &n + 1u8, number(&FREE_QUOTIENT, 52) << 416);
        // c is not stored here: c < 2^1560 and c N + 1 = 0 modulo 2^1560 determine it
        let free_half = number(&FREE_HALF, 52);
        assert_eq!(((&free_half << 1560) - 1u8) % &n, BigUint::ZERO);
        assert!(&free_half * 2u8 < n);
        assert_eq!(number(&SINGLE_ONE, 52), (&one << 3328) % &n);
        assert_eq!(number(&SINGLE_SQUARED, 52), (&one << 6656) % &n);
        assert_eq!(number(&LANES_ONE, 52), (&one << 3120) % &n);
        assert_eq!(number(&LANES_SQUARED, 52), (&one << 6240) % &n);
    }
}
