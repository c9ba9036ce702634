import { IconArrowLeft } from "@tabler/icons-react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Page } from "@/parts/Page";
import { NewPhone } from "@/phone/app/NewPhone";
import { NewDialling } from "./NewDialling";
import { NewFilm } from "./NewFilm";
import { NewNetwork } from "./NewNetwork";
import { NewSite } from "./NewSite";
import { NewWebcam } from "./NewWebcam";
import { NewWhip } from "./NewWhip";
import { Ways } from "./Ways";
import type { Way } from "./wayNames";

/** Adding a camera: first where its pictures come from, then what that way needs. */
export function NewCamera() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { way = "network", url = "" } = useSearch({ from: "/house/cameras/new" });
  const [begun, setBegun] = useState(false);
  const choose = (next: Way): void =>
    void navigate({
      to: "/cameras/new",
      search: { way: next === "network" ? undefined : next },
      replace: true,
    });
  return (
    <Page
      title={t("cameras.add")}
      detail={
        <Link to="/cameras" className="hc-back" aria-label={t("cameras.backToList")}>
          <IconArrowLeft size={16} aria-hidden />
        </Link>
      }
    >
      <div className="hc-form hc-new">
        {!begun && <Ways way={way} change={choose} />}
        <div className="hc-new-panel">
          {way === "network" && <NewNetwork begun={setBegun} />}
          {way === "dials" && <NewDialling begun={setBegun} />}
          {way === "phone" && <NewPhone begun={setBegun} />}
          {way === "publish" && <NewWhip begun={setBegun} />}
          {way === "webcam" && <NewWebcam />}
          {way === "film" && <NewFilm />}
          {way === "site" && <NewSite key={url} first={url} />}
        </div>
      </div>
    </Page>
  );
}
