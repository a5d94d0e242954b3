//! Slots, the parts into which a cluster divides its keys.

/// The number of slots.
pub(super) const SLOTS: u16 = 16384;

/// The slot of a key or a channel: that of its hash tag, if it has one.
pub(super) fn slot_of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    crc16(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes()) % SLOTS
}

/// A hash tag whose keys are in this slot.
pub(super) fn tag_in(slot: u16) -> String {
    // About every 16,384th number is in the slot.
    (0..=u32::MAX).map(|number| number.to_string()).find(|tag| slot_of(tag) == slot).unwrap_or_default()
}

/// The checksum CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_server::TestServer;
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
    }

    #[test]
    fn each_slot_has_a_tag() {
        for slot in [0, 1, 8191, 16383] {
            assert_eq!(slot_of(&format!("touka/0:node:7:{{{}}}", tag_in(slot))), slot);
        }
    }

    #[test]
    fn keys_are_in_the_slots_that_the_server_says() {
        let server = TestServer::start_in_cluster_mode();
        for key in ["a", "touka:{rooms/7}:events", "touka:epoch:1234567890", "{}a", "a{b", "a}b{c}{d}", "a{{b}}", "é"]
        {
            let slot = server.cli(&["CLUSTER", "KEYSLOT", key]);
            assert_eq!(slot.trim(), slot_of(key).to_string(), "{key}");
        }
    }
}
