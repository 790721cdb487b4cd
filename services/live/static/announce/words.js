// The words of the announcer's page in both languages.

export const WORDS = {
  en: {
    title: "Announcer", next: "Next to finish", done: "Finished", leaders: "Leaders", firsts: "First of each board",
    cutoffs: "Cut-offs", nobodyNext: "Nobody is past the last mat yet", nobodyDone: "Nobody has finished yet",
    connected: "Connected", lost: "No connection: this is the last state", bib: "Bib", about: "≈", late: "due",
    note: "How to say the name, notes (kept in this browser)", passed: "passed", onCourse: "on course",
    review: "under review", DQ: "disqualified", DNF: "did not finish", OTL: "over the time limit", close: "Close",
    provisional: "Provisional", official: "Official", live: "Unofficial", withdrawn: "Results withdrawn",
    decided: "Place {place} decided", takenBy: "Can still be taken by", until: "until", resultOpen: "This result can still change",
    help: "j, ↓ next · k, ↑ previous · ← → other list\nspace: announced, or tap\nn: note on how to say the name\n?: this help\nTimes of those who come next are estimates.",
  },
  vi: {
    title: "Phát thanh viên", next: "Sắp về đích", done: "Đã về đích", leaders: "Dẫn đầu", firsts: "Nhất từng bảng",
    cutoffs: "Giới hạn thời gian", nobodyNext: "Chưa ai qua thảm cuối cùng", nobodyDone: "Chưa ai về đích",
    connected: "Đã kết nối", lost: "Mất kết nối: đây là trạng thái cuối cùng", bib: "BIB", about: "≈", late: "sắp tới",
    note: "Cách đọc tên, ghi chú (lưu trong trình duyệt này)", passed: "đã qua", onCourse: "trên đường chạy",
    review: "đang xét", DQ: "bị truất quyền", DNF: "bỏ cuộc", OTL: "quá thời gian quy định", close: "Đóng",
    provisional: "Tạm thời", official: "Chính thức", live: "Chưa chính thức", withdrawn: "Kết quả đã rút",
    decided: "Hạng {place} đã chắc chắn", takenBy: "Vẫn có thể bị giành bởi", until: "đến", resultOpen: "Kết quả này vẫn có thể thay đổi",
    help: "j, ↓ tiếp theo · k, ↑ trước đó · ← → danh sách kia\nphím cách: đã đọc, hoặc chạm vào\nn: ghi chú cách đọc tên\n?: trợ giúp này\nGiờ về đích của người sắp tới là ước tính.",
  },
};
