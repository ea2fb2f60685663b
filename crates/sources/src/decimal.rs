//! Decimal numbers as text, read exactly or not at all.

/// A decimal number's text, with or without an exponent, as an integer of the scale; `None` when it
/// is no number, when digits would be lost, or when it has more digits than the precision.
pub(crate) fn scaled(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (mut value, mut digits, mut fraction, mut zeros) = (0i128, 0usize, 0i64, 0u32);
    let mut point = false;
    for byte in mantissa.bytes() {
        match byte {
            b'.' if !point => point = true,
            b'0'..=b'9' => {
                digits += 1;
                fraction += i64::from(point);
                // Zeros count only once another digit follows: those at the end lose nothing.
                if byte == b'0' {
                    zeros += u32::from(value != 0);
                } else {
                    value = value.checked_mul(10i128.checked_pow(zeros + 1)?)?;
                    value = value.checked_add(i128::from(byte - b'0'))?;
                    zeros = 0;
                }
            }
            _ => return None,
        }
    }
    if digits == 0 {
        return None;
    }
    if value == 0 {
        return Some(0);
    }
    let shift =
        i64::from(scale).checked_add(exponent)?.checked_sub(fraction)?.checked_add(i64::from(zeros))?;
    value = value.checked_mul(10i128.checked_pow(u32::try_from(shift).ok()?)?)?;
    if value >= 10i128.checked_pow(u32::from(precision))? {
        return None;
    }
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, expected) in [
            ("1.10", Some(110)),
            ("-12345678.9", Some(-1_234_567_890)),
            ("99999999.99", Some(9_999_999_999)),
            ("1e3", Some(100_000)),
            ("1.5e-1", Some(15)),
            ("120e-1", Some(1200)),
            ("0.000", Some(0)),
            ("0e999999999", Some(0)),
            (".5", Some(50)),
            ("5.", Some(500)),
            ("+1", Some(100)),
            ("100000000", None),
            ("1.001", None),
            ("abc", None),
            ("1.2.3", None),
            ("", None),
            (".", None),
            ("-", None),
            ("1e999999999", None),
            ("1e-9223372036854775808", None),
            ("1e9223372036854775807", None),
        ] {
            assert_eq!(scaled(text, 10, 2), expected, "{text}");
        }
        let widest = "9".repeat(38);
        assert_eq!(scaled(&widest, 38, 0), Some(10i128.pow(38) - 1));
        assert_eq!(scaled(&format!("{widest}9"), 38, 0), None);
        assert_eq!(scaled(&format!("0.{}1", "0".repeat(37)), 38, 38), Some(1));
        assert_eq!(scaled(&format!("1{}", "0".repeat(500)), 38, 0), None);
    }
}
