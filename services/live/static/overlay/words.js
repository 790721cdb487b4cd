// The words of the graphics. Names and titles are as the race definition has them.

const WORDS = {
  en: {
    finish: "Finish", review: "under review", bib: "Bib", expected: "Expected finish", estimate: "estimate",
    race: "Race time", live: "Unofficial", provisional: "Provisional", official: "Official",
    withdrawn: "Results withdrawn", changed: "Changed since official", FINISHED: "Finished", ON_COURSE: "On course",
    NOT_STARTED: "Not started", DNF: "Did not finish", DNS: "Did not start", DQ: "Disqualified",
    OTL: "Over the time limit",
  },
  vi: {
    finish: "Về đích", review: "đang xét", bib: "BIB", expected: "Dự kiến về đích", estimate: "ước tính",
    race: "Thời gian thi đấu", live: "Chưa chính thức", provisional: "Tạm thời", official: "Chính thức",
    withdrawn: "Kết quả đã rút", changed: "Đã thay đổi sau khi công bố", FINISHED: "Hoàn thành",
    ON_COURSE: "Trên đường chạy", NOT_STARTED: "Chưa xuất phát", DNF: "Bỏ cuộc", DNS: "Không xuất phát",
    DQ: "Bị truất quyền", OTL: "Quá thời gian quy định",
  },
};

/** Return the words of a language: the one asked for, else that of the event's names, else English. */
export function wordsOf(asked, shown) {
  const tag = asked || (shown ?? "").slice(0, 2);
  return WORDS[tag] ?? WORDS.en;
}
