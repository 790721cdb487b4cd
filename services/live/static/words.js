// The page's words in both languages. Names and titles are shown as the race definition has them.

export const WORDS = {
  en: {
    other: "Tiếng Việt", otherLang: "vi", skip: "Skip to results", events: "Events", title: "Live results",
    connecting: "Connecting…", live: "Live", offline: "No connection", updated: "Updated", none: "No events yet",
    races: "Races", boards: "Boards", orderAt: "Order at", finish: "Finish", search: "Bib or name", close: "Close",
    place: "Place", bib: "Bib", name: "Name", nat: "Nat.", group: "Age", time: "Time", gap: "Gap", gun: "Gun", chip: "Chip",
    pace: "min/km", move: "Move", expected: "Finish expected", status: "Status", team: "Team", score: "Score", members: "Counting",
    more: "Show more", of: "of", empty: "No athletes here yet", nobody: "No athlete here has that bib or name",
    FINISHED: "Finished", ON_COURSE: "On course", NOT_STARTED: "Not started", DNF: "Did not finish", DNS: "Did not start",
    DQ: "Disqualified", OTL: "Over time limit",
    state_live: "Live", state_provisional: "Provisional", state_official: "Official", state_withdrawn: "Withdrawn",
    void: "The official publication is void:", splits: "Splits", places: "Places", point: "Point", clock: "Time of day",
    segment: "Segment, min/km", rank: "Rank", source: "Source", main: "mat", backup: "backup mat", official: "official",
    club: "Club", wave: "Wave", next: "Next", newRows: "new on the board", teams: "Teams", missing: "Not found",
    up: "up", down: "down", cut: "Over the limit at", missed: "Missed",
  },
  vi: {
    other: "English", otherLang: "en", skip: "Đến kết quả", events: "Các giải", title: "Kết quả trực tiếp",
    connecting: "Đang kết nối…", live: "Trực tiếp", offline: "Mất kết nối", updated: "Cập nhật", none: "Chưa có giải nào",
    races: "Cự ly", boards: "Bảng xếp hạng", orderAt: "Thứ tự tại", finish: "Về đích", search: "Số BIB hoặc tên", close: "Đóng",
    place: "Hạng", bib: "BIB", name: "Họ tên", nat: "QT", group: "Tuổi", time: "Thời gian", gap: "Cách biệt", gun: "Gun", chip: "Chip",
    pace: "phút/km", move: "Thay đổi", expected: "Dự kiến về đích", status: "Trạng thái", team: "Đội", score: "Điểm", members: "Tính điểm",
    more: "Xem thêm", of: "trên", empty: "Chưa có ai", nobody: "Không tìm thấy số BIB hoặc tên này",
    FINISHED: "Hoàn thành", ON_COURSE: "Trên đường chạy", NOT_STARTED: "Chưa xuất phát", DNF: "Bỏ cuộc", DNS: "Không xuất phát",
    DQ: "Truất quyền", OTL: "Quá giờ",
    state_live: "Trực tiếp", state_provisional: "Tạm thời", state_official: "Chính thức", state_withdrawn: "Đã rút",
    void: "Công bố chính thức không có hiệu lực:", splits: "Các mốc", places: "Thứ hạng", point: "Mốc", clock: "Giờ",
    segment: "Chặng, phút/km", rank: "Hạng", source: "Nguồn", main: "thảm", backup: "thảm dự phòng", official: "trọng tài",
    club: "CLB", wave: "Đợt", next: "Tiếp theo", newRows: "mới trên bảng", teams: "Đồng đội", missing: "Không tìm thấy",
    up: "tăng", down: "giảm", cut: "Quá giờ tại", missed: "Thiếu",
  },
};
