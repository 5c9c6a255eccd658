-- A picture of the Mandelbrot set as a PGM: bands of rows as tasks, put together by keeping the order of the inputs.
--
--   Scripts/luafleet run -k Scripts/examples/mandelbrot.lua ::: header {1..40} > mandelbrot.pgm
--
-- `header` writes the head of the file, a number the band of that number; `-k` puts out each in its place, whoever ends first.
-- The same with workers that stay (one process draws many bands):
--
--   Scripts/luafleet run -k --call draw Scripts/examples/mandelbrot.lua ::: header {1..40} > mandelbrot.pgm
--
-- Plain Lua draws it all in one go: lua5.4 Scripts/examples/mandelbrot.lua all > mandelbrot.pgm

local WIDTH, HEIGHT, BANDS = 1280, 800, 40
local ITERATIONS = 500
-- The part of the plane that is shown; the picture's shape is that of 16 by 10.
local LEFT, TOP, SCALE = -2.62, -1.2, 2.4 / HEIGHT

-- How soon the point escapes, as a grey from 0 (at once) to 254; 255 minus that is what is painted, black is inside.
local function shade(cr, ci)
    local r, i = 0.0, 0.0
    for step = 1, ITERATIONS do
        local rr, ii = r * r, i * i
        if rr + ii > 4.0 then
            return 255 - (step * 6) % 255
        end
        r, i = rr - ii + cr, 2.0 * r * i + ci
    end
    return 0
end

local function row(y)
    local greys = {}
    local ci = TOP + y * SCALE
    for x = 0, WIDTH - 1 do
        greys[x + 1] = string.char(shade(LEFT + x * SCALE, ci))
    end
    return table.concat(greys)
end

-- Writes instead of returning: a returned value is printed with a line end, which a picture must not have.
function draw(part)
    if part == "header" then
        io.write(("P5\n%d %d\n255\n"):format(WIDTH, HEIGHT))
        return
    end
    local band = math.tointeger(tonumber(part))
    if not band or band < 1 or band > BANDS then
        error(("a part is 'header' or a band from 1 to %d, not %q"):format(BANDS, part), 0)
    end
    local rows = HEIGHT // BANDS
    for y = (band - 1) * rows, band * rows - 1 do
        io.write(row(y))
    end
end

local part = ...
if part == "all" then
    draw("header")
    for band = 1, BANDS do
        draw(band)
    end
elseif part then
    draw(part)
end
