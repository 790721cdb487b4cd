"""The names that columns have in lists, in English and Vietnamese, without accents."""

from typing import Literal

Field = Literal[
    "bib",
    "chips",
    "race",
    "gender",
    "given_name",
    "family_name",
    "full_name",
    "family_and_middle_name",
    "middle_name",
    "birth_year",
    "birth_date",
    "nationality",
    "country",
    "division",
    "club",
    "team",
    "wave",
    "personal_best_s",
    "ranked",
]
"""The fields of an entry, and four that become fields: the names in other parts, `birth_date` and `country`."""

ENGLISH: dict[Field, str] = {
    "bib": "bib, bib number, bib no, race number, race no, start number, number",
    "chips": "chips, chip, timing chip, chip code, chip id, chip number, chip no, tag, tags, tag id, tag code, rfid,"
    " rfid code, rfid tag, epc, epc code, transponder, transponder id, chip 1, chip 2, chip 3, chip 4",
    "race": "race, race id, race name, race distance, event, event name, distance, distance km, course, contest",
    "gender": "gender, sex",
    "given_name": "given name, given names, first name, first names, forename",
    "family_name": "family name, last name, surname",
    "full_name": "full name, name, athlete, athlete name, runner, runner name, participant, participant name",
    "middle_name": "middle name, middle names",
    "birth_year": "birth year, year of birth, yob, born, year born",
    "birth_date": "birth date, date of birth, dob, birthday, birthdate",
    "nationality": "nationality, nat, nation, noc, country code, nationality code",
    "country": "country, country name, country of residence",
    "division": "division",
    "club": "club, club name, running club",
    "team": "team, team name",
    "wave": "wave, start wave, corral, start group, start block",
    "personal_best_s": "personal best s, personal best, pb, best time",
    "ranked": "ranked",
}
VIETNAMESE: dict[Field, str] = {
    "bib": "so bib, so deo, so ao, so bao danh, ma bib, ma so bib",
    "chips": "ma chip, so chip, ma the, the chip, chip timing, ma chip timing, ma chip 1, ma chip 2",
    "race": "cu ly, cu li, cu ly km, cu ly chay, cu ly dang ky, cu ly thi dau, noi dung, noi dung thi dau, duong chay",
    "gender": "gioi tinh, gioi, phai, nam nu, nam hay nu",
    "given_name": "ten, ten goi",
    "family_name": "ho",
    "full_name": "ho ten, ho va ten, ten day du, ho ten vdv, ho va ten vdv, ten vdv, ten van dong vien, van dong vien,"
    " ho ten van dong vien, ho va ten van dong vien, vdv",
    "family_and_middle_name": "ho va ten dem, ho dem, ho va dem, ho va chu dem, ho lot, ho va ten lot, ho ten dem",
    "middle_name": "ten dem, ten lot, chu dem",
    "birth_year": "nam sinh",
    "birth_date": "ngay sinh, sinh ngay, ngay thang sinh, ngay thang nam sinh",
    "nationality": "quoc tich, ma quoc gia",
    "country": "quoc gia, nuoc, dat nuoc",
    "division": "he, he thi dau",
    "club": "clb, cau lac bo, ten clb, ten cau lac bo, clb chay, cau lac bo chay",
    "team": "doi, ten doi, doi thi dau, doan, don vi",
    "wave": "dot xuat phat, dot chay, lan xuat phat, o xuat phat, nhom xuat phat",
    "personal_best_s": "thanh tich tot nhat",
    "ranked": "xep hang",
}

LEFT_OUT = """
    stt, no, tt, so tt, so thu tu, serial, row, id, entry id, registration id, registration no, registration number,
    ma dang ky, order id, order no, order number, order, ma don hang, don hang, ticket, ticket type, ticket id,
    loai ve, ma ve, qr code, barcode, email, e mail, email address, mail, thu dien tu, dia chi email, phone,
    phone number, mobile, mobile phone, telephone, tel, cell phone, sdt, so dien thoai, dien thoai, so dt, dt,
    dien thoai di dong, address, street, city, town, province, state, zip, zip code, postal code, postcode, region,
    dia chi, thanh pho, tinh, tinh thanh, tinh thanh pho, quan huyen, phuong xa, que quan, district, ward,
    shirt, shirt size, t shirt, t shirt size, tshirt, tshirt size, size, size ao, co ao, kich co ao, ao, jersey,
    id number, id card, id card number, passport, passport number, passport no, cccd, cmnd, cmt, cmnd cccd, cccd cmnd,
    so cccd, so cmnd, can cuoc, can cuoc cong dan, so can cuoc, so ho chieu, ho chieu, so giay to, giay to,
    emergency contact, emergency name, emergency phone, emergency contact name, emergency contact phone,
    emergency contact number, emergency contact relationship, lien he khan cap, nguoi lien he khan cap,
    nguoi lien he, sdt khan cap, sdt lien he khan cap, so dien thoai khan cap, so dien thoai lien he khan cap,
    so dien thoai nguoi lien he, blood type, blood group, nhom mau, medical, medical notes, medical conditions,
    medical information, tien su benh, benh ly, tinh trang suc khoe, note, notes, remark, remarks, comment, comments,
    ghi chu, chu thich, status, payment, payment status, paid, price, amount, fee, trang thai, thanh toan,
    trang thai thanh toan, gia, so tien, gia ve, age, tuoi, age group, age category, nhom tuoi, lua tuoi, category,
    hang muc, created at, updated at, date created, registration date, registered at, registration time, timestamp,
    ngay dang ky, thoi gian dang ky, company, cong ty, job, occupation, nghe nghiep, signature, chu ky, ky nhan,
    bib name, name on bib, ten tren bib, ten in tren bib, ten hien thi, facebook, strava, coach, huan luyen vien, hlv,
    language, ngon ngu, waiver, consent, guardian, nguoi giam ho
"""
"""Names of columns that no entry needs: they are left out in silence, and never get onto the log."""
