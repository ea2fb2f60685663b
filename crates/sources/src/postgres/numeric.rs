//! PostgreSQL's `numeric`: digits of base 10000, taken over exactly or not at all.

use super::decode::Refusal;

const NEGATIVE: u16 = 0x4000;

const fn power(exponent: u32) -> i128 {
    10_i128.pow(exponent)
}

/// A numeric as an integer of `scale` decimal places, exactly or not at all.
pub(super) fn decimal(bytes: &[u8], precision: u8, scale: u8) -> Result<i128, Refusal> {
    match short(bytes, precision, scale) {
        Some(value) => Ok(i128::from(value)),
        None => any(bytes, precision, scale),
    }
}

/// Most numbers: no more digits than 64 bits hold, before and after they are scaled. `None` says
/// nothing about the number.
fn short(bytes: &[u8], precision: u8, scale: u8) -> Option<i64> {
    let (head, digits) = bytes.split_first_chunk::<8>()?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight, sign) = (i32::from(word(0)), i32::from(word(2).cast_signed()), word(4));
    if count > 4 || digits.len() != usize::from(word(0)) * 2 || sign & !NEGATIVE != 0 {
        return None;
    }
    let mut sum = 0_u64;
    for pair in digits.chunks_exact(2) {
        sum = sum * 10_000 + u64::from(u16::from_be_bytes([pair[0], pair[1]]));
    }
    // In units of 10^-scale: the last digit stands for 10^(4 (weight - count + 1)).
    let value = match 4 * (weight - count + 1) + i32::from(scale) {
        0 => sum,
        -1 if sum.is_multiple_of(10) => sum / 10,
        -2 if sum.is_multiple_of(100) => sum / 100,
        -3 if sum.is_multiple_of(1000) => sum / 1000,
        up @ 1..=18 => sum.checked_mul(POWERS[up.unsigned_abs() as usize])?,
        _ => return None,
    };
    if value >= *POWERS.get(usize::from(precision)).unwrap_or(&POWERS[18]) {
        return None;
    }
    let value = value.cast_signed();
    Some(if sign == NEGATIVE { -value } else { value })
}

/// The powers of ten of 64 bits.
const POWERS: [u64; 19] = {
    let mut powers = [1; 19];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

fn any(bytes: &[u8], precision: u8, scale: u8) -> Result<i128, Refusal> {
    let (head, digits) = bytes.split_at_checked(8).ok_or(Refusal::Malformed)?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight, sign) = (usize::from(word(0)), word(2).cast_signed(), word(4));
    if digits.len() != count * 2 {
        return Err(Refusal::Malformed);
    }
    let special = |name: &str| {
        let reason = "a decimal has no such value; cast the column in a view or exclude the row by a filter";
        Err(Refusal::Value(name.to_owned(), reason))
    };
    match sign {
        0 | NEGATIVE => {}
        0xC000 => return special("NaN"),
        0xD000 => return special("Infinity"),
        0xF000 => return special("-Infinity"),
        _ => return Err(Refusal::Malformed),
    }
    let magnitude = scaled(digits, i32::from(weight), i32::from(scale))
        .filter(|value| *value < power(u32::from(precision)))
        .ok_or_else(|| {
            Refusal::Value(
                written(digits, weight, sign == NEGATIVE, usize::from(word(6))),
                "it has more digits than its column's type says",
            )
        })?;
    Ok(if sign == NEGATIVE { -magnitude } else { magnitude })
}

/// Sums base-10000 digits in units of 10^-scale; `None` when it overflows or would lose digits.
fn scaled(digits: &[u8], weight: i32, scale: i32) -> Option<i128> {
    let mut sum: i128 = 0;
    let mut exponent = 4 * weight + scale;
    for pair in digits.chunks_exact(2) {
        let digit = i128::from(u16::from_be_bytes([pair[0], pair[1]]));
        if exponent >= 0 {
            sum = sum.checked_mul(10_000)?.checked_add(digit)?;
        } else if exponent > -4 {
            let cut = power(exponent.unsigned_abs());
            if digit % cut != 0 {
                return None;
            }
            sum = sum.checked_mul(10_000 / cut)?.checked_add(digit / cut)?;
        } else if digit != 0 {
            return None;
        }
        exponent -= 4;
    }
    // The last digit stood for 10^(exponent + 4).
    let left = exponent + 4;
    if left > 0 && sum != 0 {
        let factor = u32::try_from(left).ok().filter(|left| *left <= 38)?;
        sum = sum.checked_mul(power(factor))?;
    }
    Some(sum)
}

/// The number in decimal, for a message.
fn written(digits: &[u8], weight: i16, negative: bool, decimals: usize) -> String {
    let group = |place: i32| -> u16 {
        let at = usize::try_from(i32::from(weight) - place).ok().map(|index| index * 2);
        let pair = at.and_then(|at| digits.get(at..at + 2));
        pair.map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
    };
    let mut text = String::from(if negative { "-" } else { "" });
    text.push_str(&group(i32::from(weight.max(0))).to_string());
    for place in (0..i32::from(weight.max(0))).rev() {
        text.push_str(&format!("{:04}", group(place)));
    }
    let mut fraction = String::new();
    let mut place = -1;
    while fraction.len() < decimals {
        fraction.push_str(&format!("{:04}", group(place)));
        place -= 1;
    }
    if decimals > 0 {
        text.push('.');
        text.push_str(&fraction[..decimals]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(sign: u16, weight: i16, digits: &[u16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let count = u16::try_from(digits.len()).unwrap();
        for word in [count, weight.cast_unsigned(), sign, 0].iter().chain(digits) {
            bytes.extend(word.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn decimals_are_exact() {
        let check = |bytes: Vec<u8>, precision, scale, expected: Option<i128>| {
            assert_eq!(decimal(&bytes, precision, scale).ok(), expected);
            assert_eq!(any(&bytes, precision, scale).ok(), expected);
        };
        check(numeric(0, 0, &[]), 10, 2, Some(0));
        check(numeric(0, 0, &[12, 3400]), 10, 2, Some(1234));
        check(numeric(0x4000, 0, &[12, 3400]), 10, 2, Some(-1234));
        check(numeric(0, 0, &[12, 3456]), 10, 2, None);
        check(numeric(0, 1, &[1]), 10, 2, Some(1_000_000));
        check(numeric(0, -1, &[1]), 10, 4, Some(1));
        check(numeric(0, -1, &[100]), 10, 2, Some(1));
        check(numeric(0, -2, &[1]), 38, 8, Some(1));
        check(numeric(0, 0, &[9999]), 3, 0, None);
        check(numeric(0xC000, 0, &[]), 10, 2, None);
        let nines = [9, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9000];
        check(numeric(0, 9, &nines), 38, 1, Some(power(38) - 1));
    }

    #[test]
    fn a_refused_number_is_written_in_decimal() {
        let check = |weight: i16, groups: &[u16], decimals: usize, expected: &str| {
            let digits: Vec<u8> = groups.iter().flat_map(|group| group.to_be_bytes()).collect();
            assert_eq!(written(&digits, weight, true, decimals), expected);
        };
        check(0, &[12, 3400], 2, "-12.34");
        check(1, &[1], 0, "-10000");
        check(-1, &[12], 6, "-0.001200");
        check(-2, &[5], 8, "-0.00000005");
        check(2, &[1, 0, 7], 1, "-100000007.0");
    }
}
