Option Explicit
Option Compare Text

Public Function LineTotal(ByVal qty As Integer, ByVal price As Currency) As Currency
    Dim amount As Currency
    amount = qty * CCur(price)
    If qty Mod 12 = 0 And qty <> 0 Then amount = amount - amount / 20
    LineTotal = Round(amount, 2)
End Function

Public Sub SplitName(ByVal fullName As String, first As String, last As String)
    Dim p As Integer
    fullName = Trim(fullName)
    p = InStr(fullName, ",")
    If p > 0 Then
        last = RTrim(Left(fullName, p - 1))
        first = LTrim(Mid(fullName, p + 1))
    Else
        p = InStrRev(fullName, " ")
        first = RTrim(Left(fullName, IIf(p > 0, p - 1, 0)))
        last = Mid(fullName, p + 1)
    End If
    If last = "de" Then last = "De"
End Sub

Public Function DueCode(ByVal days As Integer) As String
    Select Case days
        Case Is < 0
            DueCode = "L" & Abs(days \ 7) & Abs(days Mod 7)
        Case 0
            DueCode = "NOW"
        Case 1 To 6, 8
            DueCode = "D" & days
        Case 7, 14, 21
            DueCode = "W" & days \ 7
        Case Else
            DueCode = "M" & CInt(days / 30)
    End Select
End Function

Public Function PadList(ByVal text As String, ByVal width As Integer) As String
    Dim parts() As String, i As Integer, out As String
    parts = Split(text, ";")
    For i = 0 To UBound(parts)
        If parts(i) Like "total*" Then
            out = out & UCase(parts(i))
        Else
            out = out & Left(parts(i) & Space(width), width) & "|"
        End If
    Next i
    PadList = out
End Function
