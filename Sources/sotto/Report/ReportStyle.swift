/// Colours and type of the page. Each colour is used for text, so each has a contrast of at least 4.5 to every ground.
package enum ReportStyle {
  package struct Theme: Sendable {
    package let grounds: [(name: String, hex: String)]
    package let inks: [(name: String, hex: String)]
    /// For lines and tints that carry no meaning of their own.
    let lines: [(name: String, hex: String)]

    fileprivate var css: String {
      (grounds + inks + lines).map { "--\($0.name):\($0.hex)" }.joined(separator: ";")
    }
  }

  package static let light = Theme(
    grounds: [
      ("paper", "#fdfcfa"), ("card", "#ffffff"), ("band", "#f0efeb"), ("ta", "#eef4fb"), ("tb", "#fbf0ea"),
    ],
    inks: [
      ("ink", "#1c1e21"), ("soft", "#585c63"), ("a", "#1a5796"), ("b", "#9c3d14"), ("root", "#6a3fa5"),
      ("pair", "#0a6660"), ("once", "#8a2f66"), ("long", "#54585f"),
    ],
    lines: [("hair", "#dcdad4"), ("rule", "#a9a7a1")])

  package static let dark = Theme(
    grounds: [
      ("paper", "#16181b"), ("card", "#1c1f23"), ("band", "#24272c"), ("ta", "#1a252f"), ("tb", "#2b211b"),
    ],
    inks: [
      ("ink", "#e8e6e1"), ("soft", "#abaeb4"), ("a", "#86b7ef"), ("b", "#f2a47e"), ("root", "#c0a6f2"),
      ("pair", "#68c7bc"), ("once", "#ea9fc8"), ("long", "#b3b6bb"),
    ],
    lines: [("hair", "#363a40"), ("rule", "#6d7178")])

  static var css: Markup {
    // Not text of anybody: literals of this file.
    Markup(stringLiteral: ":root{\(light.css)}\n@media screen and (prefers-color-scheme:dark){:root{\(dark.css)}}\n")
      + rules
  }

  private static let rules: Markup = """
    *{box-sizing:border-box}
    html{-webkit-text-size-adjust:100%;text-size-adjust:100%;color-scheme:light dark}
    body{margin:0 auto;max-width:76rem;padding:2rem 1rem 3rem;background:var(--paper);color:var(--ink);\
    font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;\
    font-variant-numeric:tabular-nums;overflow-wrap:break-word}
    h1,h2,h3,p,ul,ol,dl,dd,figure,blockquote,table{margin:0;padding:0}
    h1{font-size:1.75rem;line-height:1.2;font-weight:600;letter-spacing:-.012em;max-width:24em;overflow-wrap:anywhere}
    h2{font-size:1.25rem;line-height:1.3;font-weight:600;margin:0 0 .5rem}
    h3{font-size:1rem;line-height:1.35;font-weight:600}
    a{color:inherit;text-decoration-color:var(--rule);text-underline-offset:.2em}
    a:hover{text-decoration-color:currentColor}
    bdi{overflow-wrap:anywhere}
    s{text-decoration:none}
    code,.mono,.key,.term{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
    code,.mono{font-size:.875em}
    .a{color:var(--a)}.b{color:var(--b)}.root{color:var(--root)}.pair{color:var(--pair)}
    .once{color:var(--once)}.long{color:var(--long)}
    .over,.note{color:var(--soft);font-size:.875rem}
    .over{margin-bottom:.75rem}
    .lead{font-size:1.125rem;max-width:42rem;margin-top:1rem}
    .text{max-width:42rem}
    header,section{padding-bottom:2.25rem}
    section{border-top:1px solid var(--hair);padding-top:1.75rem}
    nav{display:flex;flex-wrap:wrap;gap:.15rem 1.25rem;font-size:.875rem;margin-top:1.5rem}
    nav a{padding:.3rem 0}
    .facts{display:flex;flex-wrap:wrap;gap:1rem 2.5rem;margin-top:1.5rem}
    .facts div{display:flex;flex-direction:column-reverse}
    .facts dt{font-size:.875rem;color:var(--soft)}
    .facts dd{font-size:1.5rem;line-height:1.2;font-weight:300}
    .key{font-size:.8125em;white-space:nowrap;background:var(--band);border-radius:2px;padding:.05em .3em}
    s .key{text-decoration:line-through;text-decoration-thickness:1px}
    .legend,.words,.parts{display:grid;gap:.5rem 2rem}
    .legend{margin-top:1rem}
    .legend dt{margin-bottom:.1rem}
    .legend dd,.words dd,.parts dd{color:var(--soft);font-size:.9375rem}
    .words dt,.parts dt{font-weight:600;font-size:.9375rem}
    .parts dt .mono{margin-right:.4em}
    figure svg,.sizes,.spark{display:block;width:100%;height:auto;overflow:visible}
    figure .medium,figure .wide{display:none}
    .ends{display:flex;justify-content:space-between;gap:1rem;font-weight:600;max-width:328px;margin-bottom:.4rem}
    .ends span:last-child{text-align:right}
    .beside{display:grid;gap:1.25rem 3rem;margin-top:1.25rem}

    .timeline{margin-top:1.25rem}
    .rows{list-style:none}
    .heads{display:none}
    .row{padding:.5rem 0}
    .card{background:var(--card);border:1px solid var(--hair);border-top:3px solid;padding:.7rem .9rem .8rem;border-radius:2px}
    .card.a{border-top-color:var(--a);color:inherit}.card.b{border-top-color:var(--b);color:inherit}
    .card h3{display:flex;gap:.5em}
    .no{flex:none;min-width:1.25em;font-weight:400;color:var(--soft)}
    blockquote{margin:.4rem 0 .1rem;font-size:1.125rem;line-height:1.4;white-space:pre-wrap;overflow-wrap:anywhere}
    .card .note{margin-top:.4rem}
    .steps{list-style:none;margin-top:.5rem;font-size:.9375rem;line-height:1.45}
    .steps li{padding:.4rem 0;border-top:1px solid var(--hair)}
    .term{display:block;font-size:.8125rem;line-height:1.6;color:var(--soft)}
    .text .term{display:inline}
    .term i{font-style:normal;white-space:nowrap}
    .term .key{font-size:1em;padding:0;background:none}
    .gone{border-top:1px solid var(--hair);padding-top:.45rem;line-height:1.9}
    .gone>span{font-size:.875rem;color:var(--soft);margin-right:.4em}
    .relay{background:var(--band);padding:.6rem .9rem .7rem;font-size:.875rem}
    .does{font-weight:600}
    .relay dl{display:grid;grid-template-columns:auto 1fr;gap:0 1rem;margin-top:.25rem}
    .relay dt{color:var(--soft)}
    .relay dd{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;font-size:.8125rem;line-height:1.72;white-space:nowrap}
    .ends-so{color:var(--soft);margin-top:.35rem}
    .sizes{max-width:78px;margin:.35rem 0}

    .two{display:grid;align-items:start;gap:1.5rem 3rem;margin-top:1.25rem}
    table{border-collapse:collapse;width:100%;font-size:.9375rem;line-height:1.4}
    caption{text-align:left;font-weight:600;padding-bottom:.35rem}
    th,td{text-align:left;vertical-align:baseline;font-weight:400;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--hair)}
    th:last-child,td:last-child{padding-right:0}
    thead th{font-size:.8125rem;color:var(--soft);border-bottom-color:var(--rule)}
    .keys td:last-child{white-space:nowrap;font-size:.875rem}
    .keys th[scope=row]{white-space:nowrap}
    .spark{max-width:13rem;margin-top:.2rem}
    .number{text-align:right}
    .seen{margin-top:1.25rem;max-width:48rem}
    ul{padding-left:1.1rem}
    li::marker{color:var(--rule)}
    #relay h3{margin-bottom:.35rem}
    #relay .two{margin-bottom:1.5rem}
    #relay .two .note{margin-top:.5rem}
    #relay .facts{margin-top:.75rem;margin-bottom:.75rem}
    #words dl{margin-top:1rem}
    footer{border-top:1px solid var(--hair);padding-top:1rem;font-size:.875rem;color:var(--soft)}

    svg text{fill:var(--ink);font-size:12px}
    svg .mono{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;font-size:12px}
    svg .small{font-size:12px;fill:var(--soft)}
    svg .tiny{font-size:11px;fill:var(--soft)}
    svg .strong{font-weight:600}
    svg text.a{fill:var(--a)}svg text.b{fill:var(--b)}svg text.root{fill:var(--root)}svg text.pair{fill:var(--pair)}
    svg text.once{fill:var(--once)}svg text.long{fill:var(--long)}
    svg .halo{paint-order:stroke;stroke:var(--paper);stroke-width:6px;stroke-linejoin:round}
    .box{fill:var(--card);stroke:currentColor}
    .box.plain{color:var(--rule)}
    .box.pair,.tie.pair,.bar.pair{color:var(--pair)}
    .box.kept{stroke-dasharray:4 3}
    .box.filled.a{fill:var(--ta)}.box.filled.b{fill:var(--tb)}
    .tie{stroke:var(--rule);fill:none}
    .tie.once{stroke:var(--once)}
    .rail{stroke:currentColor;fill:none;stroke-width:1.5}
    .hair{stroke:var(--hair)}
    .own.a{fill:var(--ta)}.own.b{fill:var(--tb)}
    .bar{fill:currentColor}
    .bar.waiting{fill:var(--paper);stroke:currentColor;stroke-dasharray:3 2}
    .notch{stroke:var(--paper);stroke-width:2}
    .end{stroke:var(--ink);stroke-width:1.5}
    .size{fill:none;stroke:var(--rule)}.size.full{fill:var(--soft);stroke:var(--soft)}

    @media (max-width:39.99rem){
    .row>*+*{margin-top:.5rem}
    .row>.relay{margin-left:1.25rem}
    .row{padding:1rem 0}
    .seen thead{display:none}
    .seen,.seen tbody,.seen caption{display:block}
    .seen tr{display:grid;grid-template-columns:1fr 1fr;gap:.1rem 1rem;padding:.5rem 0;border-bottom:1px solid var(--hair)}
    .seen td{display:flex;justify-content:space-between;gap:.5rem;border:0;padding:0;text-align:right}
    .seen td::before{content:attr(data-label);color:var(--soft);font:.8125rem/1.6 system-ui,sans-serif}
    }
    @media (min-width:40rem){
    body{padding-left:2rem;padding-right:2rem}
    h1{font-size:2.25rem}
    h2{font-size:1.5rem}
    .legend>div{display:grid;grid-template-columns:14rem 1fr;gap:1rem}
    .words{grid-template-columns:1fr 1fr;gap:1rem 3rem}
    figure .narrow{display:none}
    figure .medium{display:block}
    .ends{max-width:560px}
    .row{display:grid;grid-template-columns:minmax(0,1fr) 11.5rem minmax(0,1fr);padding:0}
    .row{--gap:1.25rem}
    .row>.card{margin:.6rem 0;align-self:start}
    .row>.card.a{grid-area:1/1;margin-right:var(--gap)}.row>.card.b{grid-area:1/3;margin-left:var(--gap)}
    .row>.relay{grid-area:1/2;padding:1rem;background:none;position:relative}
    .row::before{content:"";grid-area:1/2;background:var(--band)}
    .row .relay::before,.row .relay::after{content:"";position:absolute;top:1.6rem;width:var(--gap);height:7px;\
    background:linear-gradient(var(--rule),var(--rule)) 0 3px/100% 1px no-repeat}
    .row .relay::before{left:calc(-1*var(--gap))}.row .relay::after{right:calc(-1*var(--gap))}
    .row .does::before,.row .ends-so::before{content:"";position:absolute;top:1.6rem;border:3.5px solid transparent}
    .row.right .does::before{left:-6px;border-left:6px solid var(--rule);border-right:0}
    .row.right .ends-so::before{right:calc(-1*var(--gap));border-left:6px solid var(--rule);border-right:0}
    .row.left .does::before{right:-6px;border-right:6px solid var(--rule);border-left:0}
    .row.left .ends-so::before{left:calc(-1*var(--gap));border-right:6px solid var(--rule);border-left:0}
    .row .ends-so.waits::before,.row.right .relay.waits::after,.row.left .relay.waits::before{display:none}
    .heads{position:sticky;top:0;z-index:1;background:var(--paper);font-weight:600;border-bottom:1px solid var(--rule)}
    .heads>*{padding:.5rem 0;grid-row:1}
    .heads .relay-name{padding:.5rem 1rem;background:var(--band);position:relative}
    .heads .b{padding-left:1.25rem}
    .heads::before{display:none}
    .two{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}
    }
    @media (min-width:62rem){
    figure .wide{display:block}
    .lives .text{margin-top:.5rem}
    .lives figure{margin-top:1.5rem}
    .lives figcaption{font-weight:600;margin-bottom:.35rem}
    .beside{grid-template-columns:minmax(0,35rem) minmax(0,1fr);align-items:start}
    .row{grid-template-columns:minmax(0,1fr) 15rem minmax(0,1fr)}
    .row{--gap:2rem}
    .what{display:flex;justify-content:space-between;gap:1rem;align-items:center}
    .spark{width:11rem;flex:none;margin:0}
    .heads .b{padding-left:2rem}
    .legend{grid-template-columns:1fr 1fr}
    .words{grid-template-columns:1fr 1fr 1fr}
    }
    @media (max-width:61.99rem){.lives{display:none}}
    @media print{
    :root{--paper:#fff}
    html{font-size:12px}
    body{padding:0}
    header,section{padding-bottom:1.5rem}
    .row{grid-template-columns:minmax(0,1fr) 14rem minmax(0,1fr)}
    nav{display:none}
    .heads{position:static;break-after:avoid}
    .steps li,.relay,tr,.legend div,.words div,.parts div,figure{break-inside:avoid}
    h2,h3,caption{break-after:avoid}
    .row::before,.relay,.own,.box,.bar,.key{print-color-adjust:exact;-webkit-print-color-adjust:exact}
    }

    """
}
